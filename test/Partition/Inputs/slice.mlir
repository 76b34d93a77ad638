// A model that itself slices a weight: rows 3 to 8 of 16, added to a product.
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (k, n)>
#y = affine_map<(m, n, k) -> (m, n)>
#e = affine_map<(m, n) -> (m, n)>
func.func @main(%x: tensor<6x16xf32> {onnx.name = "x", onnx.type = "float32"})
    -> (tensor<6x16xf32> {onnx.name = "y", onnx.type = "float32"}) {
  %up = onnx.Initializer {file = "w.bin", length = 1024 : i64, name = "up", offset = 0 : i64} : () -> tensor<16x16xf32>
  %rows = onnx.Initializer {file = "w.bin", length = 1024 : i64, name = "rows", offset = 1024 : i64} : () -> tensor<16x16xf32>
  %part = tensor.extract_slice %rows[3, 0] [6, 16] [1, 1] : tensor<16x16xf32> to tensor<6x16xf32>
  %zero = arith.constant 0.0 : f32
  %init = tensor.empty() : tensor<6x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%init : tensor<6x16xf32>) -> tensor<6x16xf32>
  %h = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %up : tensor<6x16xf32>, tensor<16x16xf32>) outs(%z : tensor<6x16xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<6x16xf32>
  %y = linalg.generic {indexing_maps = [#e, #e, #e], iterator_types = ["parallel", "parallel"]}
      ins(%h, %part : tensor<6x16xf32>, tensor<6x16xf32>) outs(%init : tensor<6x16xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<6x16xf32>
  return %y : tensor<6x16xf32>
}
