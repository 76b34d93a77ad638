// For a compiler of one chip, what a class receives is an argument and what it sends is a
// result, in the order of its ports. What a group does together stays in the body.
// RUN: lpu-opt %S/Inputs/mlp.mlir --fabric-partition="chips=3 cuts=1 widths=1,2" --fabric-decompose --fabric-ports=class=1 | FileCheck %s

// CHECK-LABEL: func.func @chip1
// CHECK-SAME: (%{{.*}}: tensor<6x16xf32> {fabric.op = "fabric.recv", fabric.port = 0 : i64, onnx.name = "port 0 of the chip"})
// CHECK-SAME: -> (tensor<6x16xf32> {onnx.name = "y"
// CHECK: %[[ALL:.*]] = fabric.all_gather %{{.*}} dim 0 offsets [0, 6, 12]
// CHECK: tensor.extract_slice %[[ALL]][0, 0] [6, 16]
