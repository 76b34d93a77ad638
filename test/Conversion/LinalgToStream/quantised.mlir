// Quantised weights: what is known of them is computed here, and nothing of it by the
// chip; ranges over whole tensors move no element.

// RUN: split-file %s %t
// RUN: lpu-opt %t/weights.mlir --convert-linalg-to-stream --verify-stream | FileCheck %t/weights.mlir
// RUN: lpu-opt %t/range.mlir --convert-linalg-to-stream --verify-stream | FileCheck %t/range.mlir

//--- weights.mlir
// Unsigned weights are read as the signed bytes u - 128, and the sums over their columns
// (-126 - 128 = -254, 127 + 0 = 127) are constants.
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(r, f) -> (r, f)>
#column = affine_map<(k, n) -> (n)>
#row = affine_map<(m, n) -> (n)>
// CHECK-DAG: weights [#stream.source<i8 from dense<{{.*}}> : tensor<4xi8> offset_binary rows [2 step 2] features [2 step 1]>] : <2x2xi8
// CHECK-DAG: stream.constant {{.*}}source<i32 from dense<[-254, 127]> : tensor<2xi32> features [2 step 1]>] : <1x2xi32
// CHECK-NOT: stream.xor
// CHECK-NOT: stream.acc_sum
// CHECK-NOT: stream.reduce_sum
func.func @weights(%x: tensor<3x2xi8>) -> tensor<3x2xi32> {
  %w = arith.constant dense<[[2, -1], [0, -128]]> : tensor<2x2xi8>
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<2x2xi8>
  %signed = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<2x2xi8>) outs(%e : tensor<2x2xi8>) {
  ^bb0(%u: i8, %o: i8):
    %top = arith.constant -128 : i8
    %s = arith.xori %u, %top : i8
    linalg.yield %s : i8
  } -> tensor<2x2xi8>
  %e1 = tensor.empty() : tensor<2xi32>
  %z1 = linalg.fill ins(%zero : i32) outs(%e1 : tensor<2xi32>) -> tensor<2xi32>
  %sums = linalg.generic {indexing_maps = [#id, #column], iterator_types = ["reduction", "parallel"]} ins(%signed : tensor<2x2xi8>) outs(%z1 : tensor<2xi32>) {
  ^bb0(%u: i8, %o: i32):
    %v = arith.extsi %u : i8 to i32
    %s = arith.addi %o, %v : i32
    linalg.yield %s : i32
  } -> tensor<2xi32>
  %e2 = tensor.empty() : tensor<3x2xi32>
  %z2 = linalg.fill ins(%zero : i32) outs(%e2 : tensor<3x2xi32>) -> tensor<3x2xi32>
  %m = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %signed : tensor<3x2xi8>, tensor<2x2xi8>) outs(%z2 : tensor<3x2xi32>) {
  ^bb0(%l: i8, %r: i8, %s: i32):
    %lw = arith.extsi %l : i8 to i32
    %rw = arith.extsi %r : i8 to i32
    %p = arith.muli %lw, %rw : i32
    %t = arith.addi %s, %p : i32
    linalg.yield %t : i32
  } -> tensor<3x2xi32>
  %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%m, %sums : tensor<3x2xi32>, tensor<2xi32>) outs(%e2 : tensor<3x2xi32>) {
  ^bb0(%l: i32, %r: i32, %o: i32):
    %d = arith.subi %l, %r : i32
    linalg.yield %d : i32
  } -> tensor<3x2xi32>
  return %y : tensor<3x2xi32>
}

//--- range.mlir
// The maximum over 7 rows of 400 lanes: a running maximum of the rows, then one over lanes.
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(r, f) -> (r, f)>
#one = affine_map<(r, f) -> ()>
// CHECK: stream.acc_max %{{.+}} period 7
// CHECK: stream.write {{.*}} : <1x400xf32
// CHECK: stream.reduce_max
// CHECK-NOT: stream.and
func.func @range(%x: tensor<7x16xf32>, %w: tensor<16x400xf32>) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<7x400xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<7x400xf32>) -> tensor<7x400xf32>
  %m = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<7x16xf32>, tensor<16x400xf32>) outs(%z : tensor<7x400xf32>) {
  ^bb0(%l: f32, %r: f32, %s: f32):
    %p = arith.mulf %l, %r : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  } -> tensor<7x400xf32>
  %e0 = tensor.empty() : tensor<f32>
  %z0 = linalg.fill ins(%least : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %y = linalg.generic {indexing_maps = [#id, #one], iterator_types = ["reduction", "reduction"]} ins(%m : tensor<7x400xf32>) outs(%z0 : tensor<f32>) {
  ^bb0(%l: f32, %o: f32):
    %p = arith.maximumf %o, %l : f32
    linalg.yield %p : f32
  } -> tensor<f32>
  return %y : tensor<f32>
}
