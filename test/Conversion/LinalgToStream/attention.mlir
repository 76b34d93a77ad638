// RUN: lpu-opt %s --convert-linalg-to-stream --verify-stream | FileCheck %s

// Heads are windows of lanes: no kernel moves an element between the projections
// and the output. Softmax of one chunk runs in the epilogue; the products of all
// heads of a chunk add up in one job.

#lhs = affine_map<(b, m, n, k) -> (b, m, k)>
#weights = affine_map<(b, m, n, k) -> (k, n)>
#out = affine_map<(b, m, n, k) -> (b, m, n)>
#hl = affine_map<(b, h, m, n, k) -> (b, h, m, k)>
#hr = affine_map<(b, h, m, n, k) -> (b, h, k, n)>
#ho = affine_map<(b, h, m, n, k) -> (b, h, m, n)>
#id4 = affine_map<(b, h, m, n) -> (b, h, m, n)>
#row = affine_map<(b, h, m, n) -> (b, h, m)>

// CHECK-NOT: stream.transpose_tile
// The result of a projection: 320 columns, then the other 64.
// CHECK: stream.matmul
// CHECK: stream.job rows 32
// CHECK: stream.job rows 32
// Scores: one job per head, keys installed by columns.
// CHECK: stream.matmul
// CHECK: stream.job rows 32
// CHECK: stream.k_tile %{{.+}}[i] lanes 0 + 96 by columns %{{.+}}[0] to columns 0 + 32
// CHECK: epilogue(%product: !stream.vector<f32>)
// CHECK: stream.reduce_max %{{.+}} group 32
// CHECK: stream.exp2
// CHECK: stream.reduce_sum %{{.+}} group 32
// CHECK: stream.recip
// Head 3 stands in two chunks, so its sum takes two K tiles.
// CHECK: [i] lanes 288 + 32 by columns %{{.+}}[0] from lane 288 to columns 0 + 32
// CHECK: [i] chunk 1 lanes 0 + 64 by columns %{{.+}}[0] chunk 1 to columns 0 + 32
// The values of the heads of a chunk side by side.
// CHECK: stream.matmul
// CHECK: stream.job rows 32
// CHECK: [i] lanes 0 + 32 by rows %{{.+}}[0] to columns 0 + 96
// CHECK: [32 + i] lanes 0 + 32 by rows %{{.+}}[0] to columns 96 + 96
// CHECK: [64 + i] lanes 0 + 32 by rows %{{.+}}[0] to columns 192 + 96
// CHECK: [96 + i] lanes 0 + 32 by rows %{{.+}}[0] to columns 288 + 32
// CHECK: stream.job rows 32
// CHECK: [96 + i] lanes 0 + 32 by rows %{{.+}}[0] chunk 1 to columns 0 + 64
// CHECK-NOT: stream.transpose_tile
func.func @attention(%x: tensor<1x32x64xf32>, %wq: tensor<64x384xf32>, %wk: tensor<64x384xf32>, %wv: tensor<64x384xf32>) -> tensor<1x32x384xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %e3 = tensor.empty() : tensor<1x32x384xf32>
  %z3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<1x32x384xf32>) -> tensor<1x32x384xf32>
  %q = linalg.generic {indexing_maps = [#lhs, #weights, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%x, %wq : tensor<1x32x64xf32>, tensor<64x384xf32>) outs(%z3 : tensor<1x32x384xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x32x384xf32>
  %k = linalg.generic {indexing_maps = [#lhs, #weights, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%x, %wk : tensor<1x32x64xf32>, tensor<64x384xf32>) outs(%z3 : tensor<1x32x384xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x32x384xf32>
  %v = linalg.generic {indexing_maps = [#lhs, #weights, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%x, %wv : tensor<1x32x64xf32>, tensor<64x384xf32>) outs(%z3 : tensor<1x32x384xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x32x384xf32>
  %q4 = tensor.expand_shape %q [[0], [1], [2, 3]] output_shape [1, 32, 4, 96] : tensor<1x32x384xf32> into tensor<1x32x4x96xf32>
  %k4 = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [1, 32, 4, 96] : tensor<1x32x384xf32> into tensor<1x32x4x96xf32>
  %v4 = tensor.expand_shape %v [[0], [1], [2, 3]] output_shape [1, 32, 4, 96] : tensor<1x32x384xf32> into tensor<1x32x4x96xf32>
  %eh = tensor.empty() : tensor<1x4x32x96xf32>
  %et = tensor.empty() : tensor<1x4x96x32xf32>
  %qh = linalg.transpose ins(%q4 : tensor<1x32x4x96xf32>) outs(%eh : tensor<1x4x32x96xf32>) permutation = [0, 2, 1, 3]
  %kh = linalg.transpose ins(%k4 : tensor<1x32x4x96xf32>) outs(%et : tensor<1x4x96x32xf32>) permutation = [0, 2, 3, 1]
  %vh = linalg.transpose ins(%v4 : tensor<1x32x4x96xf32>) outs(%eh : tensor<1x4x32x96xf32>) permutation = [0, 2, 1, 3]
  %es = tensor.empty() : tensor<1x4x32x32xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<1x4x32x32xf32>) -> tensor<1x4x32x32xf32>
  %scores = linalg.generic {indexing_maps = [#hl, #hr, #ho], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%qh, %kh : tensor<1x4x32x96xf32>, tensor<1x4x96x32xf32>) outs(%zs : tensor<1x4x32x32xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x4x32x32xf32>
  %er = tensor.empty() : tensor<1x4x32xf32>
  %zl = linalg.fill ins(%low : f32) outs(%er : tensor<1x4x32xf32>) -> tensor<1x4x32xf32>
  %zr = linalg.fill ins(%zero : f32) outs(%er : tensor<1x4x32xf32>) -> tensor<1x4x32xf32>
  %max = linalg.generic {indexing_maps = [#id4, #row], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%scores : tensor<1x4x32x32xf32>) outs(%zl : tensor<1x4x32xf32>) {
  ^bb0(%a: f32, %c: f32):
    %m = arith.maximumf %c, %a : f32
    linalg.yield %m : f32
  } -> tensor<1x4x32xf32>
  %exp = linalg.generic {indexing_maps = [#id4, #row, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%scores, %max : tensor<1x4x32x32xf32>, tensor<1x4x32xf32>) outs(%es : tensor<1x4x32x32xf32>) {
  ^bb0(%a: f32, %m: f32, %o: f32):
    %d = arith.subf %a, %m : f32
    %r = math.exp %d : f32
    linalg.yield %r : f32
  } -> tensor<1x4x32x32xf32>
  %sum = linalg.generic {indexing_maps = [#id4, #row], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%exp : tensor<1x4x32x32xf32>) outs(%zr : tensor<1x4x32xf32>) {
  ^bb0(%a: f32, %c: f32):
    %m = arith.addf %c, %a : f32
    linalg.yield %m : f32
  } -> tensor<1x4x32xf32>
  %p = linalg.generic {indexing_maps = [#id4, #row, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%exp, %sum : tensor<1x4x32x32xf32>, tensor<1x4x32xf32>) outs(%es : tensor<1x4x32x32xf32>) {
  ^bb0(%a: f32, %m: f32, %o: f32):
    %r = arith.divf %a, %m : f32
    linalg.yield %r : f32
  } -> tensor<1x4x32x32xf32>
  %zh = linalg.fill ins(%zero : f32) outs(%eh : tensor<1x4x32x96xf32>) -> tensor<1x4x32x96xf32>
  %oh = linalg.generic {indexing_maps = [#hl, #hr, #ho], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%p, %vh : tensor<1x4x32x32xf32>, tensor<1x4x32x96xf32>) outs(%zh : tensor<1x4x32x96xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %pr = arith.mulf %a, %b : f32
    %s = arith.addf %c, %pr : f32
    linalg.yield %s : f32
  } -> tensor<1x4x32x96xf32>
  %e4 = tensor.empty() : tensor<1x32x4x96xf32>
  %o4 = linalg.transpose ins(%oh : tensor<1x4x32x96xf32>) outs(%e4 : tensor<1x32x4x96xf32>) permutation = [0, 2, 1, 3]
  %o = tensor.collapse_shape %o4 [[0], [1], [2, 3]] : tensor<1x32x4x96xf32> into tensor<1x32x384xf32>
  return %o : tensor<1x32x384xf32>
}
