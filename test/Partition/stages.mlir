// A stage may begin at any operation, and stages may have different widths: a whole
// value goes to every chip that reads it, a divided one from part to part.
// RUN: lpu-opt %S/Inputs/mlp.mlir --fabric-partition="chips=2 cuts=2 widths=1,1" --verify-fabric | FileCheck %s --check-prefix=ONE
// RUN: lpu-opt %S/Inputs/mlp.mlir --fabric-partition="chips=3 cuts=1 widths=1,2" --verify-fabric | FileCheck %s --check-prefix=WIDER
// RUN: lpu-opt %S/Inputs/mlp.mlir --fabric-partition="target=nano chips=4 cuts=4 widths=2,2" --verify-fabric=target=nano | FileCheck %s --check-prefix=PARTS

// ONE: fabric.instances @chip0 on [0] peers [1]
// ONE: fabric.send %{{.*}} : tensor<6x48xf32>
// ONE: fabric.instances @chip1 on [1] peers [0]
// ONE: fabric.recv{{.*}} : tensor<6x48xf32>

// WIDER: fabric.instances @chip0 on [0] peers [1, 2]
// WIDER-COUNT-2: fabric.send %{{.*}} : tensor<6x16xf32>
// WIDER: fabric.instances @chip1 on [1, 2] peers [0, 0, 0, 0]
// WIDER: fabric.recv{{.*}} : tensor<6x16xf32>
// WIDER: fabric.all_reduce

// PARTS: fabric.groups [array<i64: 0, 1>, array<i64: 2, 3>]
// PARTS: fabric.instances @chip0 on [0, 1] peers [0, 2, 0, 3]
// PARTS: fabric.send %{{.*}} : tensor<6x6x4xf32>
// PARTS: fabric.instances @chip1 on [2, 3] peers [0, 1, 1, 1]
// PARTS: fabric.recv{{.*}} : tensor<6x6x4xf32>
