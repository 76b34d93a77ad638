// With half-links, large floats cross links in half precision: converted before they
// leave, and back when they are there. Sums of a collective are rounded to it, too.
// RUN: lpu-opt %s --fabric-partition="chips=4 cuts=1 widths=2,2 half-links=true" --verify-fabric | FileCheck %s
// RUN: lpu-opt %s --fabric-partition="chips=4 cuts=1 widths=2,2" --verify-fabric | FileCheck %s --check-prefix=FULL

// CHECK-LABEL: func.func @chip0
// CHECK: arith.truncf
// CHECK: fabric.send %{{.*}} : tensor<16x32xf16>
// CHECK-LABEL: func.func @chip1
// CHECK: fabric.recv{{.*}} : tensor<16x32xf16>
// CHECK: arith.extf
// CHECK: arith.truncf
// CHECK: fabric.all_reduce add %{{.*}} : tensor<16x64xf16>
// CHECK: arith.extf
// CHECK: return %{{.*}} : tensor<16x64xf32>
// FULL-NOT: f16
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (k, n)>
#y = affine_map<(m, n, k) -> (m, n)>
func.func @main(%x: tensor<16x64xf32> {onnx.name = "x", onnx.type = "float32"})
    -> (tensor<16x64xf32> {onnx.name = "y", onnx.type = "float32"}) {
  %a = onnx.Initializer {file = "w.bin", length = 16384 : i64, name = "a", offset = 0 : i64} : () -> tensor<64x64xf32>
  %b = onnx.Initializer {file = "w.bin", length = 16384 : i64, name = "b", offset = 16384 : i64} : () -> tensor<64x64xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<16x64xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<16x64xf32>) -> tensor<16x64xf32>
  %h = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %a : tensor<16x64xf32>, tensor<64x64xf32>) outs(%z : tensor<16x64xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %o, %m : f32
    linalg.yield %s : f32
  } -> tensor<16x64xf32>
  %y = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%h, %b : tensor<16x64xf32>, tensor<64x64xf32>) outs(%z : tensor<16x64xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %o, %m : f32
    linalg.yield %s : f32
  } -> tensor<16x64xf32>
  return %y : tensor<16x64xf32>
}
