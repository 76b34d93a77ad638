// RUN: lpu-opt %s --convert-onnx-to-linalg --verify-linalg | FileCheck %s

// CHECK-DAG: #[[MASK:.*]] = affine_map<(d0, d1, d2) -> (0, d2)>

// Splitting a dim into heads is one expand; merging them back one collapse.
// CHECK-LABEL: func.func @heads
// CHECK: tensor.expand_shape %arg0 {{\[\[}}0], [1], [2, 3]] {{.*}} into tensor<1x8x3x4xf32>
// CHECK: tensor.collapse_shape {{.*}} {{\[\[}}0], [1], [2, 3]] {{.*}} into tensor<1x8x12xf32>
func.func @heads(%x: tensor<1x8x12xf32>) -> tensor<1x8x12xf32> {
  %0 = onnx.Reshape %x : (tensor<1x8x12xf32>) -> tensor<1x8x3x4xf32>
  %1 = onnx.Relu %0 : (tensor<1x8x3x4xf32>) -> tensor<1x8x3x4xf32>
  %2 = onnx.Reshape %1 : (tensor<1x8x3x4xf32>) -> tensor<1x8x12xf32>
  return %2 : tensor<1x8x12xf32>
}

// A transpose that only moves ones moves no element.
// CHECK-LABEL: func.func @ones
// CHECK-NOT: linalg.transpose
// CHECK: tensor.collapse_shape
// CHECK: linalg.transpose {{.*}} permutation = [0, 2, 1, 3]
func.func @ones(%x: tensor<1x1x8xf32>, %y: tensor<1x8x3x4xf32>) -> (tensor<8x1x1xf32>, tensor<1x3x8x4xf32>) {
  %0 = onnx.Transpose %x {perm = array<i64: 2, 0, 1>} : (tensor<1x1x8xf32>) -> tensor<8x1x1xf32>
  %1 = onnx.Transpose %y {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x8x3x4xf32>) -> tensor<1x3x8x4xf32>
  return %0, %1 : tensor<8x1x1xf32>, tensor<1x3x8x4xf32>
}

// An embedding reads rows: the index dims lead, data chooses only the row.
// CHECK-LABEL: func.func @embedding
// CHECK: %[[TABLE:.*]] = onnx.Initializer
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<1x4xi64>)
// CHECK: %[[ROW:.*]] = arith.index_cast
// CHECK: %[[FEATURE:.*]] = linalg.index 2
// CHECK: tensor.extract %[[TABLE]][%[[ROW]], %[[FEATURE]]]
func.func @embedding(%ids: tensor<1x4xi64>) -> tensor<1x4x8xf32> {
  %t = onnx.Initializer {name = "words", file = "m.onnx", offset = 64 : i64, length = 3200 : i64} : () -> tensor<100x8xf32>
  %0 = onnx.Gather %t, %ids {axis = 0 : i64} : (tensor<100x8xf32>, tensor<1x4xi64>) -> tensor<1x4x8xf32>
  return %0 : tensor<1x4x8xf32>
}

// A gather of one constant position is a slice (the CLS token).
// CHECK-LABEL: func.func @first
// CHECK-NOT: tensor.extract %
// CHECK: tensor.extract_slice %arg0[0, 0, 0] [1, 1, 8] [1, 1, 1]
func.func @first(%x: tensor<1x4x8xf32>) -> tensor<1x8xf32> {
  %i = onnx.Constant {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %0 = onnx.Gather %x, %i {axis = 1 : i64} : (tensor<1x4x8xf32>, tensor<i64>) -> tensor<1x8xf32>
  return %0 : tensor<1x8xf32>
}

// A gather whose constant tuples name a row and a column by number, as exporters
// read an attention mask, is a broadcast.
// CHECK-LABEL: func.func @mask
// CHECK-NOT: tensor.extract
// CHECK: linalg.generic {indexing_maps = [#[[MASK]], #{{.*}}], {{.*}} ins(%arg0 : tensor<1x3xi1>)
func.func @mask(%m: tensor<1x3xi1>) -> tensor<1x3x3xi1> {
  %i = onnx.Constant {value = dense<[[[[0, 0], [0, 1], [0, 2]], [[0, 0], [0, 1], [0, 2]], [[0, 0], [0, 1], [0, 2]]]]> : tensor<1x3x3x2xi64>} : () -> tensor<1x3x3x2xi64>
  %0 = onnx.GatherND %m, %i {batch_dims = 0 : i64} : (tensor<1x3xi1>, tensor<1x3x3x2xi64>) -> tensor<1x3x3xi1>
  return %0 : tensor<1x3x3xi1>
}

// Assigning to a box of constant positions joins the box with its surroundings.
// CHECK-LABEL: func.func @assign
// CHECK: %[[HEAD:.*]] = tensor.extract_slice %arg0[0] [1] [1]
// CHECK: %[[TAIL:.*]] = tensor.extract_slice %arg0[3] [2] [1]
// CHECK: tensor.concat dim(0) %[[HEAD]], %arg1, %[[TAIL]]
func.func @assign(%x: tensor<5xf32>, %u: tensor<2xf32>) -> tensor<5xf32> {
  %i = onnx.Constant {value = dense<[[1], [2]]> : tensor<2x1xi64>} : () -> tensor<2x1xi64>
  %0 = onnx.ScatterND %x, %i, %u {reduction = "none"} : (tensor<5xf32>, tensor<2x1xi64>, tensor<2xf32>) -> tensor<5xf32>
  return %0 : tensor<5xf32>
}

// Constant positions that are no box: every row is read from the operand or from
// the updates, which stand behind it.
// CHECK-LABEL: func.func @scattered
// CHECK: tensor.concat dim(0) %arg0, %arg1 : {{.*}} -> tensor<14xf32>
// CHECK: tensor.extract
func.func @scattered(%x: tensor<12xf32>, %u: tensor<2xf32>) -> tensor<12xf32> {
  %i = onnx.Constant {value = dense<[[3], [9]]> : tensor<2x1xi64>} : () -> tensor<2x1xi64>
  %0 = onnx.ScatterND %x, %i, %u {reduction = "none"} : (tensor<12xf32>, tensor<2x1xi64>, tensor<2xf32>) -> tensor<12xf32>
  return %0 : tensor<12xf32>
}

// An empty operand (the cache before the first token) adds nothing to a join.
// CHECK-LABEL: func.func @empty
// CHECK-NEXT: return %arg1
func.func @empty(%past: tensor<1x0x4xf32>, %new: tensor<1x2x4xf32>) -> tensor<1x2x4xf32> {
  %0 = onnx.Concat %past, %new {axis = 1 : i64} : (tensor<1x0x4xf32>, tensor<1x2x4xf32>) -> tensor<1x2x4xf32>
  return %0 : tensor<1x2x4xf32>
}
