// RUN: lpu-opt %s --convert-onnx-to-linalg=narrow-int64 -split-input-file -verify-diagnostics

// All unsupported nodes of a graph are reported, also those that read another
// one; the message names node, operator, reason and shape.
func.func @all(%x: tensor<2x80xf32>, %y: tensor<2x80xf32>) -> tensor<2x40xf32> {
  // expected-error @+1 {{ONNX node (TopK) cannot be lowered: k is 40; at most 32 are taken, one after the other; result 'tensor<2x40xf32>'}}
  %v, %i = onnx.TopK %x {axis = 1 : i64, largest = 1 : i64, sorted = 1 : i64} : (tensor<2x80xf32>) -> (tensor<2x40xf32>, tensor<2x40xi64>)
  // expected-error @+1 {{ONNX node (Mod) cannot be lowered: Mod of floats needs fmod = 1}}
  %p = onnx.Mod %v, %v {fmod = 0 : i64} : (tensor<2x40xf32>, tensor<2x40xf32>) -> tensor<2x40xf32>
  %r = onnx.Relu %v : (tensor<2x40xf32>) -> tensor<2x40xf32>
  // expected-error @+1 {{the exponent of an integer Pow must be a constant from 0 to 64}}
  %w = onnx.Pow %i, %i : (tensor<2x40xi64>, tensor<2x40xi64>) -> tensor<2x40xi64>
  return %r : tensor<2x40xf32>
}

// -----

// A constant that 32 bits cannot hold is an error, not a wrapped number.
func.func @large(%x: tensor<4xi64>) -> tensor<4xi64> {
  // expected-error @+1 {{holds 5000000000, outside the 32-bit integers of the chip}}
  %c = onnx.Constant {value = dense<5000000000> : tensor<i64>} : () -> tensor<i64>
  %0 = onnx.Add %x, %c : (tensor<4xi64>, tensor<i64>) -> tensor<4xi64>
  return %0 : tensor<4xi64>
}

// -----

// Positions of a scatter must be known when compiling.
func.func @scatter(%x: tensor<5xf32>, %i: tensor<2x1xi64>, %u: tensor<2xf32>) -> tensor<5xf32> {
  // expected-error @+1 {{(ScatterND) cannot be lowered: a scatter to positions that depend on data}}
  %0 = onnx.ScatterND %x, %i, %u {reduction = "none"} : (tensor<5xf32>, tensor<2x1xi64>, tensor<2xf32>) -> tensor<5xf32>
  return %0 : tensor<5xf32>
}

// -----

// Writing one position twice has no defined order.
func.func @twice(%x: tensor<5xf32>, %u: tensor<2xf32>) -> tensor<5xf32> {
  %i = onnx.Constant {value = dense<3> : tensor<2x1xi64>} : () -> tensor<2x1xi64>
  // expected-error @+1 {{it writes one position several times}}
  %0 = onnx.ScatterND %x, %i, %u {reduction = "none"} : (tensor<5xf32>, tensor<2x1xi64>, tensor<2xf32>) -> tensor<5xf32>
  return %0 : tensor<5xf32>
}

// -----

// A product over an empty dim has no operand to read.
func.func @nothing(%x: tensor<2x0xf32>, %y: tensor<0x3xf32>) -> tensor<2x3xf32> {
  // expected-error @+1 {{it computes from an operand without elements}}
  %0 = onnx.MatMul %x, %y : (tensor<2x0xf32>, tensor<0x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

// Hand-written IR may name a dim that is not there.
func.func @axis(%x: tensor<2x3xf32>) -> tensor<2xf32> {
  // expected-error @+1 {{an axis is repeated or outside the operand's rank}}
  %0 = onnx.ReduceMax %x {axes = array<i64: 2>, keepdims = 0 : i64} : (tensor<2x3xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// Nor does it have to say the type that follows.
func.func @type(%x: tensor<2x3xf32>) -> tensor<3xf32> {
  // expected-error @+1 {{its operands and attributes give tensor<2xf32>; result 'tensor<3xf32>'}}
  %0 = onnx.ReduceMax %x {axes = array<i64: 1>, keepdims = 0 : i64} : (tensor<2x3xf32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}
