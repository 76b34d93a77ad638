// A table of 512 x 16, a product with 12 groups of 4 columns that are used one by one,
// a product that sums over them.
#row = affine_map<(t, f) -> (t)>
#all = affine_map<(t, f) -> (t, f)>
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (k, n)>
#y = affine_map<(m, n, k) -> (m, n)>
#c = affine_map<(t, g, f) -> (t, g, f)>
func.func @main(%ids: tensor<6xi32> {onnx.name = "ids", onnx.type = "int64"})
    -> (tensor<6x16xf32> {onnx.name = "y", onnx.type = "float32"}) {
  %table = onnx.Initializer {file = "w.bin", length = 32768 : i64, name = "table", offset = 0 : i64} : () -> tensor<512x16xf32>
  %up = onnx.Initializer {file = "w.bin", length = 3072 : i64, name = "up", offset = 32768 : i64} : () -> tensor<16x48xf32>
  %down = onnx.Initializer {file = "w.bin", length = 3072 : i64, name = "down", offset = 35840 : i64} : () -> tensor<48x16xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x16xf32>
  %x = linalg.generic {indexing_maps = [#row, #all], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<6xi32>) outs(%e : tensor<6x16xf32>) {
  ^bb0(%i: i32, %o: f32):
    %row = arith.index_cast %i : i32 to index
    %f = linalg.index 1 : index
    %v = tensor.extract %table[%row, %f] : tensor<512x16xf32>
    linalg.yield %v : f32
  } -> tensor<6x16xf32>
  %e1 = tensor.empty() : tensor<6x48xf32>
  %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<6x48xf32>) -> tensor<6x48xf32>
  %h = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %up : tensor<6x16xf32>, tensor<16x48xf32>) outs(%z1 : tensor<6x48xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<6x48xf32>
  %groups = tensor.expand_shape %h [[0], [1, 2]] output_shape [6, 12, 4] : tensor<6x48xf32> into tensor<6x12x4xf32>
  %e2 = tensor.empty() : tensor<6x12x4xf32>
  %t = linalg.generic {indexing_maps = [#c, #c], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%groups : tensor<6x12x4xf32>) outs(%e2 : tensor<6x12x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %v = math.tanh %a : f32
    linalg.yield %v : f32
  } -> tensor<6x12x4xf32>
  %flat = tensor.collapse_shape %t [[0], [1, 2]] : tensor<6x12x4xf32> into tensor<6x48xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e : tensor<6x16xf32>) -> tensor<6x16xf32>
  %y = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%flat, %down : tensor<6x48xf32>, tensor<48x16xf32>) outs(%z2 : tensor<6x16xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<6x16xf32>
  return %y : tensor<6x16xf32>
}
