// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Every form of op of the dialect prints and parses, and passes its layer's judge.
// REQUIRES: lpu-opt
// RUN: lpu-opt %s --verify-onnx --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @main
func.func @main(%ids: tensor<2x5xi64> {onnx.name = "ids"}, %x: tensor<2x5x8xf32>) -> (tensor<2x5x8xf32> {onnx.name = "y"}, tensor<2x5xi64>) {
  // CHECK: onnx.Initializer {file = "w.bin", length = 256 : i64, name = "w", offset = 64 : i64} : () -> tensor<8x8xf32>
  %w = onnx.Initializer {file = "w.bin", length = 256 : i64, name = "w", offset = 64 : i64} : () -> tensor<8x8xf32>
  // CHECK: onnx.Constant {value = dense<2.000000e+00> : tensor<f32>} : () -> tensor<f32>
  %two = onnx.Constant {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %scale = onnx.Constant {value = dense<1.0> : tensor<8xf32>} : () -> tensor<8xf32>
  // CHECK: onnx.NoValue : () -> none
  %none = onnx.NoValue : () -> none
  %rows = onnx.Gather %w, %ids {axis = 0 : i64} : (tensor<8x8xf32>, tensor<2x5xi64>) -> tensor<2x5x8xf32>
  %sum = onnx.Add %rows, %x : (tensor<2x5x8xf32>, tensor<2x5x8xf32>) -> tensor<2x5x8xf32>
  %half = onnx.Div %sum, %two : (tensor<2x5x8xf32>, tensor<f32>) -> tensor<2x5x8xf32>
  // CHECK: onnx.LayerNormalization %{{.*}}, %{{.*}}, %{{.*}} {axis = 2 : i64, epsilon = 9.99999974E-6 : f32} : (tensor<2x5x8xf32>, tensor<8xf32>, none) -> tensor<2x5x8xf32>
  %norm = onnx.LayerNormalization %half, %scale, %none {axis = 2 : i64, epsilon = 1.0e-5 : f32} : (tensor<2x5x8xf32>, tensor<8xf32>, none) -> tensor<2x5x8xf32>
  %h = onnx.MatMul %norm, %w : (tensor<2x5x8xf32>, tensor<8x8xf32>) -> tensor<2x5x8xf32>
  %r = onnx.Reshape %h : (tensor<2x5x8xf32>) -> tensor<2x5x2x4xf32>
  // CHECK: onnx.Transpose %{{.*}} {perm = array<i64: 0, 2, 1, 3>}
  %t = onnx.Transpose %r {perm = array<i64: 0, 2, 1, 3>} : (tensor<2x5x2x4xf32>) -> tensor<2x2x5x4xf32>
  %p = onnx.Softmax %t {axis = 3 : i64} : (tensor<2x2x5x4xf32>) -> tensor<2x2x5x4xf32>
  // CHECK: onnx.ReduceMean %{{.*}} {axes = array<i64: 1, 3>, keepdims = 0 : i64}
  %m = onnx.ReduceMean %p {axes = array<i64: 1, 3>, keepdims = 0 : i64} : (tensor<2x2x5x4xf32>) -> tensor<2x5xf32>
  // CHECK: onnx.TopK %{{.*}} {axis = 1 : i64, largest = 1 : i64, sorted = 1 : i64} : (tensor<2x5xf32>) -> (tensor<2x5xf32>, tensor<2x5xi64>)
  %v, %i = onnx.TopK %m {axis = 1 : i64, largest = 1 : i64, sorted = 1 : i64} : (tensor<2x5xf32>) -> (tensor<2x5xf32>, tensor<2x5xi64>)
  // CHECK: onnx.Slice %{{.*}} {starts = array<i64: 1, 4>, steps = array<i64: 1, -2>}
  %s = onnx.Slice %v {starts = array<i64: 1, 4>, steps = array<i64: 1, -2>} : (tensor<2x5xf32>) -> tensor<1x3xf32>
  %c = onnx.Concat %s, %s {axis = 1 : i64} : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x6xf32>
  %e = onnx.Expand %c : (tensor<1x6xf32>) -> tensor<5x6xf32>
  // CHECK: onnx.Pad %{{.*}}, %{{.*}} {pads = array<i64: 0, 0, 0, 2>}
  %pad = onnx.Pad %e, %two {pads = array<i64: 0, 0, 0, 2>} : (tensor<5x6xf32>, tensor<f32>) -> tensor<5x8xf32>
  %positive = onnx.Greater %pad, %two : (tensor<5x8xf32>, tensor<f32>) -> tensor<5x8xi1>
  %y = onnx.Where %positive, %h, %two : (tensor<5x8xi1>, tensor<2x5x8xf32>, tensor<f32>) -> tensor<2x5x8xf32>
  return %y, %i : tensor<2x5x8xf32>, tensor<2x5xi64>
}
