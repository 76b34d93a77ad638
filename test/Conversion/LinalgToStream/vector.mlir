// Masks, running sums, moves between rows and lanes, diagnostics.

// RUN: split-file %s %t
// RUN: lpu-opt %t/mask.mlir --convert-linalg-to-stream --verify-stream | FileCheck %t/mask.mlir
// RUN: lpu-opt %t/rows.mlir --convert-linalg-to-stream --verify-stream | FileCheck %t/rows.mlir
// RUN: lpu-opt %t/move.mlir --convert-linalg-to-stream --verify-stream | FileCheck %t/move.mlir
// RUN: not lpu-opt %t/integers.mlir --convert-linalg-to-stream 2>&1 | FileCheck %t/integers.mlir
// RUN: not lpu-opt %t/bodies.mlir --convert-linalg-to-stream 2>&1 | FileCheck %t/bodies.mlir

//--- mask.mlir
// A sum over 48 of 320 lanes: the lanes behind the last feature do not count.
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(r, f) -> (r, f)>
#row = affine_map<(r, f) -> (r)>
// CHECK: %[[FIRST:.+]] = stream.constant "first 48 lanes" [{{.*}}features [48 step 0]>] : <1x48xui8, chunk 320>
// CHECK: stream.job rows 3
// CHECK: %[[EXP:.+]] = stream.exp2 %product
// CHECK: %[[MASK:.+]] = stream.read %[[FIRST]][0]
// CHECK: %[[ZERO:.+]] = stream.splat 0.000000e+00 : f32
// CHECK: %[[SELECT:.+]] = stream.select %[[MASK]], %[[EXP]], %[[ZERO]]
// CHECK: stream.reduce_sum %[[SELECT]]
func.func @mask(%x: tensor<3x8xf32>, %w: tensor<8x48xf32>) -> tensor<3xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<3x48xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<3x48xf32>) -> tensor<3x48xf32>
  %m = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<3x8xf32>, tensor<8x48xf32>) outs(%z : tensor<3x48xf32>) {
  ^bb0(%l: f32, %r: f32, %s: f32):
    %p = arith.mulf %l, %r : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  } -> tensor<3x48xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%m : tensor<3x48xf32>) outs(%e : tensor<3x48xf32>) {
  ^bb0(%l: f32, %o: f32):
    %p = math.exp2 %l : f32
    linalg.yield %p : f32
  } -> tensor<3x48xf32>
  %er = tensor.empty() : tensor<3xf32>
  %zr = linalg.fill ins(%zero : f32) outs(%er : tensor<3xf32>) -> tensor<3xf32>
  %s = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%y : tensor<3x48xf32>) outs(%zr : tensor<3xf32>) {
  ^bb0(%l: f32, %r: f32):
    %p = arith.addf %r, %l : f32
    linalg.yield %p : f32
  } -> tensor<3xf32>
  return %s : tensor<3xf32>
}

//--- rows.mlir
// Pooling over the sequence is a running sum with one result per text.
#lhs = affine_map<(b, m, n, k) -> (b, m, k)>
#weights = affine_map<(b, m, n, k) -> (k, n)>
#out = affine_map<(b, m, n, k) -> (b, m, n)>
#id = affine_map<(b, s, f) -> (b, s, f)>
#pooled = affine_map<(b, s, f) -> (b, f)>
// CHECK: stream.flow "{{.*}}" iterations 14
// CHECK: %[[SUM:.+]] = stream.acc_sum %{{.+}} period 7
// CHECK-NEXT: stream.write %[[SUM]], %{{.+}}[i] : <2x16xf32
func.func @rows(%x: tensor<2x7x16xf32>, %w: tensor<16x16xf32>) -> tensor<2x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e3 = tensor.empty() : tensor<2x7x16xf32>
  %z3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<2x7x16xf32>) -> tensor<2x7x16xf32>
  %y = linalg.generic {indexing_maps = [#lhs, #weights, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%x, %w : tensor<2x7x16xf32>, tensor<16x16xf32>) outs(%z3 : tensor<2x7x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<2x7x16xf32>
  %e = tensor.empty() : tensor<2x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x16xf32>) -> tensor<2x16xf32>
  %s = linalg.generic {indexing_maps = [#id, #pooled], iterator_types = ["parallel", "reduction", "parallel"]} ins(%y : tensor<2x7x16xf32>) outs(%z : tensor<2x16xf32>) {
  ^bb0(%a: f32, %c: f32):
    %p = arith.addf %c, %a : f32
    linalg.yield %p : f32
  } -> tensor<2x16xf32>
  return %s : tensor<2x16xf32>
}

//--- move.mlir
// A product that is added to its own transpose has to change lanes and rows.
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
// CHECK: stream.matmul
// CHECK: stream.transpose_tile {{.*}} rows 16 lanes 16 %{{.+}}[0] from lane 0 to %{{.+}}[0] from lane 0
// CHECK: stream.flow
// CHECK: stream.add
func.func @move(%x: tensor<16x8xf32>, %w: tensor<8x16xf32>) -> tensor<16x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<16x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<16x16xf32>) -> tensor<16x16xf32>
  %y = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<16x8xf32>, tensor<8x16xf32>) outs(%z : tensor<16x16xf32>) {
  ^bb0(%l: f32, %r: f32, %s: f32):
    %p = arith.mulf %l, %r : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  } -> tensor<16x16xf32>
  %yt = linalg.transpose ins(%y : tensor<16x16xf32>) outs(%e : tensor<16x16xf32>) permutation = [1, 0]
  %sum = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%y, %yt : tensor<16x16xf32>, tensor<16x16xf32>) outs(%e : tensor<16x16xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.addf %l, %r : f32
    linalg.yield %p : f32
  } -> tensor<16x16xf32>
  return %sum : tensor<16x16xf32>
}

//--- integers.mlir
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
// CHECK: error: {{.*}}ONNX node "/wide/MatMul" cannot run on the chip: the matrix planes multiply floats or signed bytes, not i32 by i32; result 'tensor<4x4xi32>'
func.func @integers(%x: tensor<4x4xi32>) -> tensor<4x4xi32> {
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<4x4xi32>
  %z = linalg.fill ins(%zero : i32) outs(%e : tensor<4x4xi32>) -> tensor<4x4xi32>
  %y = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %x : tensor<4x4xi32>, tensor<4x4xi32>) outs(%z : tensor<4x4xi32>) {
  ^bb0(%l: i32, %r: i32, %s: i32):
    %p = arith.muli %l, %r : i32
    %t = arith.addi %s, %p : i32
    linalg.yield %t : i32
  } -> tensor<4x4xi32> loc("/wide/MatMul")
  return %y : tensor<4x4xi32>
}

//--- bodies.mlir
// All offenders at once.
#id = affine_map<(m) -> (m)>
// CHECK: error: {{.*}}ONNX node "/first" cannot run on the chip: no instruction of the vector unit for math.sin
// CHECK: error: {{.*}}ONNX node "/second" cannot run on the chip: no instruction of the vector unit for math.atan
func.func @bodies(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%l: f32, %o: f32):
    %p = math.sin %l : f32
    linalg.yield %p : f32
  } -> tensor<4xf32> loc("/first")
  %z = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%l: f32, %o: f32):
    %p = math.atan %l : f32
    linalg.yield %p : f32
  } -> tensor<4xf32> loc("/second")
  return %y, %z : tensor<4xf32>, tensor<4xf32>
}
