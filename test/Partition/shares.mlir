// Twelve groups over eight chips: four chips have two, four have one; the axis goes
// through reshapes, and where a product sums over it an all-reduce follows. Weights are
// parts of references, and chips that differ only in their parts are one class.
// RUN: lpu-opt %S/Inputs/mlp.mlir --fabric-partition="chips=8 tp=8" --verify-fabric | FileCheck %s

// CHECK: fabric.groups [array<i64: 0, 1, 2, 3, 4, 5, 6, 7>]
// CHECK: fabric.instances @chip0 on [0, 1, 2, 3] peers [0, 0, 0, 0]
// CHECK-SAME: sources [0, 0, 1, 0, 2, 0, 0, 0, 1, 8, 2, 128, 0, 0, 1, 16, 2, 256, 0, 0, 1, 24, 2, 384]
// CHECK-LABEL: func.func @chip0
// CHECK: tensor.extract_slice %{{.*}}[0, 0] [16, 8] [1, 1]
// CHECK: tensor.expand_shape %{{.*}} output_shape [6, 2, 4]
// CHECK: tensor.extract_slice %{{.*}}[0, 0] [8, 16] [1, 1]
// CHECK: fabric.all_reduce add %{{.*}} : tensor<6x16xf32>
// CHECK: fabric.instances @chip1 on [4, 5, 6, 7]
// CHECK-LABEL: func.func @chip1
// CHECK: tensor.extract_slice %{{.*}}[0, 32] [16, 4] [1, 1]
// CHECK: tensor.expand_shape %{{.*}} output_shape [6, 1, 4]
