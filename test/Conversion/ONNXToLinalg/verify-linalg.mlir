// RUN: lpu-opt %s --verify-linalg -split-input-file -verify-diagnostics

// All ops outside the layer are reported, not the first one only.
func.func @all(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{'onnx.Relu' is not part of the linalg layer: no form of this layer}}
  %0 = onnx.Relu %x : (tensor<4xf32>) -> tensor<4xf32>
  // expected-error @+1 {{'math.exp' is not part of the linalg layer: no form of this layer}}
  %1 = math.exp %0 : tensor<4xf32>
  return %1 : tensor<4xf32>
}

// -----

// The chip has no 64-bit floats.
// expected-error @+1 {{argument of type 'tensor<4xf64>' has an element type other than}}
func.func @f64(%x: tensor<4xf64>) {
  return
}

// -----

// A body computes from its scalars and constants only.
func.func @capture(%x: tensor<4xf32>, %y: f32, %e: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{a body that reads a run-time value of its surroundings}}
  %0 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],
    iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %1 = arith.addf %in, %y : f32
    linalg.yield %1 : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// An elementwise op does not transpose; linalg.transpose does.
func.func @permuted(%x: tensor<4x2xf32>, %e: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{an input map that permutes or repeats dims}}
  %0 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>],
    iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x2xf32>) outs(%e : tensor<2x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

// A reduction starts from the identity of its op, here from nothing known.
func.func @start(%x: tensor<4x2xf32>, %e: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{a reduction that does not start from the identity of its op}}
  %0 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>],
    iterator_types = ["parallel", "reduction"]} ins(%x : tensor<4x2xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %1 = arith.addf %out, %in : f32
    linalg.yield %1 : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// A contraction has its dims in the order batch, m, n, k.
func.func @order(%x: tensor<4x8xf32>, %y: tensor<2x8xf32>) -> tensor<4x2xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  // expected-error @+1 {{a contraction whose maps are not (batch, m, n, k)}}
  %0 = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
    iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %y : tensor<4x8xf32>, tensor<2x8xf32>) outs(%f : tensor<4x2xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %1 = arith.mulf %a, %b : f32
    %2 = arith.addf %sum, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<4x2xf32>
  return %0 : tensor<4x2xf32>
}

// -----

// A maximum that starts from 0 is wrong for negative rows.
func.func @identity(%x: tensor<4x2xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  // expected-error @+1 {{a reduction that does not start from the identity of its op}}
  %0 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>],
    iterator_types = ["parallel", "reduction"]} ins(%x : tensor<4x2xf32>) outs(%f : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %1 = arith.maximumf %out, %in : f32
    linalg.yield %1 : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
