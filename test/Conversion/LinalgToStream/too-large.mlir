// A tensor that is moved and larger than the chip is refused before anybody looks at its
// elements: a chain of concatenations may double without end.
// RUN: lpu-opt %s --convert-linalg-to-stream --split-input-file --verify-diagnostics

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %ones = arith.constant dense<1.0> : tensor<300000000xf32>
  // expected-error@+1 {{the model does not fit: this takes 1 x 937501 rows of SRAM at least, a chip of 'lpu1' has 720896; use smaller dimensions; result f32[300000004]}}
  %all = tensor.concat dim(0) %x, %ones : (tensor<4xf32>, tensor<300000000xf32>) -> tensor<300000004xf32>
  %some = tensor.extract_slice %all[2] [4] [1] : tensor<300000004xf32> to tensor<4xf32>
  return %some : tensor<4xf32>
}
