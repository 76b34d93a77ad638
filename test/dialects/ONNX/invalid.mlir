// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What an op says about itself is checked by the dialect.
// REQUIRES: lpu-opt
// RUN: lpu-opt %s --split-input-file --verify-diagnostics

func.func @main() -> tensor<8x8xf32> {
  // expected-error @+1 {{has a length of 128 bytes but 'tensor<8x8xf32>' needs 256}}
  %w = onnx.Initializer {file = "w.bin", length = 128 : i64, name = "w", offset = 0 : i64} : () -> tensor<8x8xf32>
  return %w : tensor<8x8xf32>
}

// -----

func.func @main(%x: tensor<2x3xf32>) -> tensor<7xf32> {
  // expected-error @+1 {{changes the number of elements}}
  %y = onnx.Reshape %x : (tensor<2x3xf32>) -> tensor<7xf32>
  return %y : tensor<7xf32>
}

// -----

func.func @main(%x: tensor<2x3xf32>) -> tensor<3x2xf32> {
  // expected-error @+1 {{needs a permutation of 2 dims}}
  %y = onnx.Transpose %x {perm = array<i64: 1, 1>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----

func.func @main(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // expected-error @+1 {{reads outside dim 1}}
  %y = onnx.Slice %x {starts = array<i64: 0, 1>, steps = array<i64: 1, 1>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// -----

func.func @main(%x: tensor<2x3xf32>) -> tensor<2x2xf32> {
  // expected-error @+1 {{has inner dims that differ}}
  %y = onnx.MatMul %x, %x : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

func.func @main(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  // expected-error @+1 {{operand #0 must be statically shaped tensor of f32, f16, i64, i32, i8, ui8 or i1}}
  %y = onnx.Neg %x : (tensor<?x3xf32>) -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}

// -----

func.func @main(%x: tensor<2x3xf32>, %y: tensor<2x4xf32>) -> tensor<2x3xf32> {
  // expected-error @+1 {{op operands don't have broadcast-compatible shapes}}
  %z = onnx.Add %x, %y : (tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<2x3xf32>
  return %z : tensor<2x3xf32>
}
