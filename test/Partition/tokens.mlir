// Rows of tokens that nothing mixes are the cheapest axis: chips divide them, weights
// stay whole, and only the output is gathered. A planner that is free to choose finds it.
// RUN: lpu-opt %S/Inputs/mlp.mlir --fabric-partition="target=nano chips=4 tp=4" --verify-fabric=target=nano 2>&1 | FileCheck %s

// CHECK-NOT: fabric.all_reduce
// CHECK: fabric.all_gather %{{.*}} dim 0 offsets [0, 2, 4, 5, 6] : (tensor<2x16xf32>) -> tensor<6x16xf32>
