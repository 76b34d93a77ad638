// Operations stand before their first reader: the values of an attention, which the file gives before the scores, are
// computed behind a cut between the two, as their operand is there too.
// RUN: lpu-opt %s --fabric-partition="chips=2 cuts=2 widths=1,1" --verify-fabric -o %t.mlir
// RUN: FileCheck %s < %t.mlir
// RUN: lpu-fabric-test %s %t.mlir | FileCheck %s --check-prefix=SAME

// CHECK: func.func @chip0
// CHECK: ins(%arg0, %arg1 : tensor<4x8xf32>, tensor<8x4xf32>)
// CHECK: arith.maximumf
// CHECK: fabric.send %{{.*}} : tensor<4xf32>
// CHECK: func.func @chip1
// CHECK: fabric.recv{{.*}} : tensor<4xf32>
// CHECK: ins(%arg{{[0-9]}}, %arg{{[0-9]}} : tensor<4x8xf32>, tensor<8x6xf32>)
// SAME: equal bits

#row = affine_map<(m, n, k) -> (m, k)>
#col = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>
#all = affine_map<(m, n) -> (m, n)>
#one = affine_map<(m, n) -> (m)>
func.func @main(%x: tensor<4x8xf32> {onnx.name = "x"}, %keys: tensor<8x4xf32> {onnx.name = "keys"},
                %columns: tensor<8x6xf32> {onnx.name = "columns"}) -> (tensor<4x6xf32> {onnx.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %e6 = tensor.empty() : tensor<4x6xf32>
  %e4 = tensor.empty() : tensor<4x4xf32>
  %e1 = tensor.empty() : tensor<4xf32>
  %z6 = linalg.fill ins(%zero : f32) outs(%e6 : tensor<4x6xf32>) -> tensor<4x6xf32>
  %z4 = linalg.fill ins(%zero : f32) outs(%e4 : tensor<4x4xf32>) -> tensor<4x4xf32>
  %l1 = linalg.fill ins(%low : f32) outs(%e1 : tensor<4xf32>) -> tensor<4xf32>
  %values = linalg.generic {indexing_maps = [#row, #col, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %columns : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z6 : tensor<4x6xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %o, %p : f32
      linalg.yield %s : f32
  } -> tensor<4x6xf32>
  %scores = linalg.generic {indexing_maps = [#row, #col, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %keys : tensor<4x8xf32>, tensor<8x4xf32>) outs(%z4 : tensor<4x4xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %o, %p : f32
      linalg.yield %s : f32
  } -> tensor<4x4xf32>
  %most = linalg.generic {indexing_maps = [#all, #one], iterator_types = ["parallel", "reduction"]}
      ins(%scores : tensor<4x4xf32>) outs(%l1 : tensor<4xf32>) {
    ^bb0(%a: f32, %o: f32):
      %m = arith.maximumf %o, %a : f32
      linalg.yield %m : f32
  } -> tensor<4xf32>
  %y = linalg.generic {indexing_maps = [#all, #one, #all], iterator_types = ["parallel", "parallel"]}
      ins(%values, %most : tensor<4x6xf32>, tensor<4xf32>) outs(%e6 : tensor<4x6xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %p = arith.mulf %a, %b : f32
      linalg.yield %p : f32
  } -> tensor<4x6xf32>
  return %y : tensor<4x6xf32>
}
