// What stands in lanes: products of parts, integers, constants that do not fit.

// RUN: split-file %s %t
// RUN: lpu-opt %t/slice.mlir --convert-linalg-to-stream --verify-stream | FileCheck %t/slice.mlir
// RUN: sed "s/install_rows: 4/install_rows: 6/" %S/../../Inputs/mini.yaml > %t/six.yaml
// RUN: lpu-opt %t/windows.mlir --convert-linalg-to-stream=target=%t/six.yaml --verify-stream | FileCheck %t/windows.mlir
// RUN: not lpu-opt %t/large.mlir --convert-linalg-to-stream 2>&1 | FileCheck %t/large.mlir
// RUN: lpu-opt %t/wraps.mlir --convert-linalg-to-stream 2>&1 | FileCheck %t/wraps.mlir

//--- slice.mlir
// Columns 27 to 30 of a given matrix cannot be installed as columns 0 to 3: that
// matrix passes through the planes, its rows from 27 on, and the other is installed.
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
// CHECK: stream.input "z"{{.*}}<33x9
// CHECK: stream.job rows 4
func.func @slice(%x: tensor<33x9xf32> {onnx.name = "x"}, %z: tensor<9x33xf32> {onnx.name = "z"}) -> tensor<33x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<33x33xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<33x33xf32>) -> tensor<33x33xf32>
  %m = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %z : tensor<33x9xf32>, tensor<9x33xf32>) outs(%f : tensor<33x33xf32>) {
  ^bb0(%l: f32, %r: f32, %s: f32):
    %p = arith.mulf %l, %r : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  } -> tensor<33x33xf32>
  %y = tensor.extract_slice %m[0, 27] [33, 4] [1, 1] : tensor<33x33xf32> to tensor<33x4xf32>
  return %y : tensor<33x4xf32>
}

//--- large.mlir
// CHECK: constant holds 8589934592; the chip's integers have 32 bits, -2147483648 to 2147483647
#id = affine_map<(i) -> (i)>
func.func @large(%x: tensor<2xi64>) -> tensor<2xi64> {
  %c = arith.constant dense<[8589934592, 1]> : tensor<2xi64>
  %e = tensor.empty() : tensor<2xi64>
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%x, %c : tensor<2xi64>, tensor<2xi64>) outs(%e : tensor<2xi64>) {
  ^bb0(%l: i64, %r: i64, %o: i64):
    %s = arith.addi %l, %r : i64
    linalg.yield %s : i64
  } -> tensor<2xi64>
  return %y : tensor<2xi64>
}

//--- wraps.mlir
// CHECK: warning: {{.*}}integers of "sum" always leave 32 bits; on the chip they wrap
#id = affine_map<(i) -> (i)>
func.func @wraps(%x: tensor<2xi1>) -> tensor<2xi32> {
  %c = arith.constant 2147483647 : i32
  %e = tensor.empty() : tensor<2xi32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<2xi1>) outs(%e : tensor<2xi32>) {
  ^bb0(%l: i1, %o: i32):
    %one = arith.constant 1 : i32
    %w = arith.extui %l : i1 to i32
    %p = arith.addi %w, %one : i32
    %s = arith.addi %p, %c : i32
    linalg.yield %s : i32
  } -> tensor<2xi32> loc("sum")
  return %y : tensor<2xi32>
}

//--- windows.mlir
// Six rows are installed at once where a chunk has 16 lanes: weights stand in
// stripes of two, at which the lanes of every chunk begin. So the result of one
// product moves through the next as it stands, and none is transposed.
// CHECK: stream.job rows 5
// CHECK-NOT: stream.job rows 4
// CHECK: stream.k_tile %{{.+}}[i] chunk 2 lanes 0 + 8 by rows %{{.+}}[32] to
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func @windows(%x: tensor<5x8xf32>) -> tensor<5x4xf32> {
  %v = onnx.Initializer {name = "v", file = "v.bin", offset = 0 : i64, length = 1280 : i64} : () -> tensor<8x40xf32>
  %w = onnx.Initializer {name = "w", file = "w.bin", offset = 0 : i64, length = 640 : i64} : () -> tensor<40x4xf32>
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<5x40xf32>
  %f0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<5x40xf32>) -> tensor<5x40xf32>
  %h = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %v : tensor<5x8xf32>, tensor<8x40xf32>) outs(%f0 : tensor<5x40xf32>) {
  ^bb0(%l: f32, %r: f32, %s: f32):
    %p = arith.mulf %l, %r : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  } -> tensor<5x40xf32>
  %e1 = tensor.empty() : tensor<5x4xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<5x4xf32>) -> tensor<5x4xf32>
  %y = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]} ins(%h, %w : tensor<5x40xf32>, tensor<40x4xf32>) outs(%f1 : tensor<5x4xf32>) {
  ^bb0(%l: f32, %r: f32, %s: f32):
    %p = arith.mulf %l, %r : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  } -> tensor<5x4xf32>
  return %y : tensor<5x4xf32>
}
