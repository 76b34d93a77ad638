// What is wrong is named as the user knows it: by the ONNX node.
// RUN: not lpu-opt %s --verify-fabric 2>&1 | FileCheck %s

fabric.system {text = "kind: nodes\nchips: 2\n"}
fabric.instances @a on [0] peers [1] sources []
fabric.instances @b on [1] peers [] sources []
func.func @a(%x: tensor<4xf32>) {
  // CHECK: chip 0: ONNX node "/encoder/layer.3/MatMul": sends 'tensor<4xf32>' to chip 1, which never receives it
  fabric.send %x : tensor<4xf32> loc("/encoder/layer.3/MatMul")
  return
}
func.func @b() {
  return
}
