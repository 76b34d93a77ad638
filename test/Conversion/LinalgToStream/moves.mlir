// Moves of lanes: what strides cannot express goes through a matrix of zeros and
// ones, byte by byte; what keeps its lanes is copied.

// RUN: split-file %s %t
// RUN: lpu-opt %t/slice.mlir --convert-linalg-to-stream --verify-stream | FileCheck %t/slice.mlir
// RUN: lpu-opt %t/reshape.mlir --convert-linalg-to-stream --verify-stream | FileCheck %t/reshape.mlir
// RUN: lpu-opt %t/concat.mlir --convert-linalg-to-stream --verify-stream | FileCheck %t/concat.mlir
// RUN: lpu-opt %t/bytes.mlir --convert-linalg-to-stream --verify-stream | FileCheck %t/bytes.mlir
// RUN: lpu-opt %t/rows.mlir --convert-linalg-to-stream --verify-stream | FileCheck %t/rows.mlir
// RUN: lpu-opt %t/table.mlir --convert-linalg-to-stream --verify-stream | FileCheck %t/table.mlir

//--- slice.mlir
// Lanes 3 to 9 go to lanes 0 to 6: one matrix of 7 rows for all four bytes.
// CHECK: stream.constant "selection" {{.*}} : <7x7xi8
// CHECK-NOT: stream.constant "selection"
// CHECK: stream.shl %{{.+}}, %{{.+}}
// CHECK: stream.matmul
// CHECK-COUNT-4: stream.job rows 4
// CHECK-NOT: stream.job
// CHECK: stream.or
func.func @slice(%x: tensor<4x10xf32>) -> tensor<4x7xf32> {
  %y = tensor.extract_slice %x[0, 3] [4, 7] [1, 1] : tensor<4x10xf32> to tensor<4x7xf32>
  return %y : tensor<4x7xf32>
}

//--- reshape.mlir
// Rows of 6 become rows of 8: three patterns of rows, each from two rows.
// CHECK: stream.matmul
// CHECK: stream.job
// CHECK: stream.k_tile
// CHECK-NEXT: stream.k_tile
func.func @reshape(%x: tensor<4x6xf32>) -> tensor<3x8xf32> {
  %flat = tensor.collapse_shape %x [[0, 1]] : tensor<4x6xf32> into tensor<24xf32>
  %y = tensor.expand_shape %flat [[0, 1]] output_shape [3, 8] : tensor<24xf32> into tensor<3x8xf32>
  return %y : tensor<3x8xf32>
}

//--- concat.mlir
// Pieces at any lane are joined in one product: a K tile for each.
// CHECK: stream.matmul
// CHECK: stream.job rows 3
// CHECK: stream.k_tile
// CHECK-NEXT: stream.k_tile
func.func @concat(%x: tensor<3x5xf32>, %z: tensor<3x2xf32>) -> tensor<3x7xf32> {
  %y = tensor.concat dim(1) %x, %z : (tensor<3x5xf32>, tensor<3x2xf32>) -> tensor<3x7xf32>
  return %y : tensor<3x7xf32>
}

//--- bytes.mlir
// A byte takes one pass.
// CHECK: stream.matmul
// CHECK-COUNT-1: stream.job rows 4
// CHECK-NOT: stream.job
func.func @bytes(%x: tensor<4x10xi8>) -> tensor<4x7xi8> {
  %y = tensor.extract_slice %x[0, 3] [4, 7] [1, 1] : tensor<4x10xi8> to tensor<4x7xi8>
  return %y : tensor<4x7xi8>
}

//--- rows.mlir
// Rows in another order keep their lanes.
// CHECK-NOT: stream.matmul
// CHECK: stream.flow
func.func @rows(%x: tensor<2x3x5xf32>) -> tensor<3x2x5xf32> {
  %e = tensor.empty() : tensor<3x2x5xf32>
  %y = linalg.transpose ins(%x : tensor<2x3x5xf32>) outs(%e : tensor<3x2x5xf32>) permutation = [1, 0, 2]
  return %y : tensor<3x2x5xf32>
}

//--- table.mlir
// A gather from what is computed keeps single precision.
#id = affine_map<(r, f) -> (r, f)>
#index = affine_map<(r, f) -> (r)>
// CHECK: stream.gather {{.*}}xf32
func.func @table(%x: tensor<7x6xf32>, %i: tensor<3xi32>) -> tensor<3x6xf32> {
  %e = tensor.empty() : tensor<7x6xf32>
  %h = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<7x6xf32>) outs(%e : tensor<7x6xf32>) {
  ^bb0(%l: f32, %o: f32):
    %p = arith.negf %l : f32
    linalg.yield %p : f32
  } -> tensor<7x6xf32>
  %o = tensor.empty() : tensor<3x6xf32>
  %y = linalg.generic {indexing_maps = [#index, #id], iterator_types = ["parallel", "parallel"]} ins(%i : tensor<3xi32>) outs(%o : tensor<3x6xf32>) {
  ^bb0(%k: i32, %old: f32):
    %row = arith.index_cast %k : i32 to index
    %f = linalg.index 1 : index
    %v = tensor.extract %h[%row, %f] : tensor<7x6xf32>
    linalg.yield %v : f32
  } -> tensor<3x6xf32>
  return %y : tensor<3x6xf32>
}
