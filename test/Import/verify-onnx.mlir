// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The judge of the layer knows the shape rule of every operator, and tells all
// offenders.
// REQUIRES: lpu-opt
// RUN: lpu-opt %s --verify-onnx --split-input-file --verify-diagnostics

func.func @main(%x: tensor<2x3xf32>, %i: tensor<4xi64>, %z: tensor<f32>) -> tensor<2x3xf32> {
  %n = onnx.NoValue : () -> none
  // expected-error @+1 {{'onnx.ReduceSum': the operands give the shape [2], the result is tensor<2x1xf32>}}
  %a = onnx.ReduceSum %x {axes = array<i64: 1>, keepdims = 0 : i64} : (tensor<2x3xf32>) -> tensor<2x1xf32>
  // expected-error @+1 {{'onnx.Concat': the operands give the shape [4, 3], the result is tensor<2x6xf32>}}
  %b = onnx.Concat %x, %x {axis = 0 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x6xf32>
  // expected-error @+1 {{'onnx.Gather': the operands give the shape [2, 4], the result is tensor<4x3xf32>}}
  %c = onnx.Gather %x, %i {axis = 1 : i64} : (tensor<2x3xf32>, tensor<4xi64>) -> tensor<4x3xf32>
  // expected-error @+1 {{'onnx.Expand': the operand does not broadcast to the result}}
  %d = onnx.Expand %x : (tensor<2x3xf32>) -> tensor<4x3xf32>
  // expected-error @+1 {{'onnx.Pad': the operands give the shape [2, 5], the result is tensor<2x4xf32>}}
  %e = onnx.Pad %x, %z {pads = array<i64: 0, 1, 0, 1>} : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x4xf32>
  // expected-error @+1 {{'onnx.Softmax': axis 2 is out of range for rank 2}}
  %f = onnx.Softmax %x {axis = 2 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // expected-error @+1 {{'onnx.LayerNormalization': the scale does not broadcast to the operand}}
  %g = onnx.LayerNormalization %x, %c, %c {axis = 1 : i64, epsilon = 1.0e-5 : f32} : (tensor<2x3xf32>, tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<2x3xf32>
  // expected-error @+1 {{'onnx.QuantizeLinear': the scale is neither a scalar nor a vector along the axis}}
  %h = onnx.QuantizeLinear %x, %x, %n {axis = 1 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>, none) -> tensor<2x3xi8>
  return %f : tensor<2x3xf32>
}

// -----

func.func @main(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // expected-error @+1 {{'arith.addf': only ops of the onnx dialect stand in this layer}}
  %y = arith.addf %x, %x : tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// -----

// expected-error @+1 {{the onnx layer is one function @main with a body}}
func.func @other(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  return %x : tensor<2x3xf32>
}
