// A table that fills a chip is spread by rows: every chip looks up the rows that it
// has, gives -0 (which changes no sum) for the others, and the chips add up. First and
// last row of a share are data, so that shares of one size are one class.
// RUN: lpu-opt %S/Inputs/mlp.mlir --fabric-partition="target=nano chips=4 widths=4" --verify-fabric=target=nano | FileCheck %s

// CHECK: fabric.arrays
// CHECK-SAME: {literal = dense<[0, 128]> : tensor<2xi32>}
// CHECK-SAME: {literal = dense<[128, 256]> : tensor<2xi32>}
// CHECK: fabric.instances @chip0 on [0, 1, 2, 3]
// CHECK-COUNT-1: name = "table", offset = 0 : i64} : () -> tensor<512x16xf32>
// CHECK: arith.constant {fabric.parameter = {{.*}}} dense<[0, 128]> : tensor<2xi32>
// CHECK-NOT: tensor<512x16xf32>
// CHECK: arith.cmpi sge
// CHECK: arith.cmpi slt
// CHECK: tensor.extract %{{.*}} : tensor<128x16xf32>
// CHECK: %[[ELSEWHERE:.*]] = arith.constant -0.000000e+00 : f32
// CHECK-NEXT: arith.select %{{.*}}, %{{.*}}, %[[ELSEWHERE]]
// CHECK: fabric.all_reduce add %{{.*}} : tensor<6x16xf32>
// CHECK-NOT: fabric.instances
