// verify-fabric names every chip and port that is wrong, all of them in one run.
// RUN: lpu-opt %s --verify-fabric -split-input-file -verify-diagnostics

// A send without a partner, and a receive without one.
fabric.system {text = "kind: nodes\nchips: 2\n"}
fabric.instances @a on [0] peers [1] sources []
fabric.instances @b on [1] peers [0] sources []
func.func @a(%x: tensor<4xf32>) {
  // expected-error @below {{chip 0: sends 'tensor<4xf32>' to chip 1, which never receives it}}
  fabric.send %x : tensor<4xf32>
  return
}
func.func @b(%x: tensor<4xf32>) {
  // expected-error @below {{chip 1: sends 'tensor<4xf32>' to chip 0, which never receives it}}
  fabric.send %x : tensor<4xf32>
  return
}

// -----

// Two chips that receive before they send wait for each other.
fabric.system {text = "kind: nodes\nchips: 2\n"}
fabric.instances @a on [0, 1] peers [1, 1, 0, 0] sources []
func.func @a(%x: tensor<4xf32>) {
  // expected-error @below {{chip 0: fabric.recv at port 0 waits for ever for chip 1}}
  // expected-error @below {{chip 1: fabric.recv at port 0 waits for ever for chip 0}}
  %0 = fabric.recv : tensor<4xf32>
  fabric.send %x : tensor<4xf32>
  return
}

// -----

// What is received is what was sent.
fabric.system {text = "kind: nodes\nchips: 2\n"}
fabric.instances @a on [0] peers [1] sources []
fabric.instances @b on [1] peers [0] sources []
func.func @a(%x: tensor<4xf32>) {
  fabric.send %x : tensor<4xf32>
  return
}
func.func @b() {
  // expected-error @below {{chip 1: receives 'tensor<5xf32>' where chip 0 sends 'tensor<4xf32>'}}
  %0 = fabric.recv : tensor<5xf32>
  return
}

// -----

// A transfer over a link that is not there: 0 and 2 share none.
fabric.system {text = "kind: links\nchips: 4\nlinks: [[0, 0, 1, 0], [2, 0, 3, 0], [1, 1, 2, 1]]\nbroken_chips: [1]\nspare: [0]\n"}
fabric.instances @a on [0] peers [2] sources []
fabric.instances @b on [2] peers [0] sources []
func.func @a(%x: tensor<4xf32>) {
  // expected-error @below {{chip 0: sends to chip 2, but no links lead there}}
  fabric.send %x : tensor<4xf32>
  return
}
func.func @b() {
  %0 = fabric.recv : tensor<4xf32>
  return
}

// -----

// A chip that does not exist, and one that has two bodies.
fabric.system {text = "kind: nodes\nchips: 2\n"}
fabric.instances @a on [0, 2, 0] peers [] sources []
// expected-error @below {{chip 2: is not in the system, which has 2 chips}}
// expected-error @below {{chip 0: runs a second body, @a being the first}}
func.func @a() {
  return
}

// -----

// Members of a group that do different things.
fabric.system {text = "kind: nodes\nchips: 2\n"}
fabric.groups [array<i64: 0, 1>]
fabric.instances @a on [0] peers [0] sources []
fabric.instances @b on [1] peers [0] sources []
func.func @a(%x: tensor<4xf32>) {
  %0 = fabric.all_reduce add %x : tensor<4xf32>
  return
}
func.func @b(%x: tensor<4xf32>) {
  // expected-error @below {{chip 1: fabric.all_reduce of 'tensor<4xf32>' in group 0 meets fabric.all_reduce of 'tensor<4xf32>' of chip 0}}
  %0 = fabric.all_reduce max %x : tensor<4xf32>
  return
}

// -----

// A weight that begins behind the end of its array.
fabric.system {text = "kind: nodes\nchips: 1\n"}
fabric.arrays [{file = "w.bin", length = 16 : i64, name = "w", offset = 0 : i64}]
fabric.instances @a on [0] peers [] sources [0, 4]
func.func @a() {
  // expected-error @below {{chip 0: parameter 0 begins at element 4 of "w", which has 4}}
  %0 = onnx.Initializer {fabric.parameter = 0 : i64, file = "w.bin", length = 16 : i64, name = "w", offset = 0 : i64} : () -> tensor<4xf32>
  return
}

// -----

// Tables of a size that the body does not have.
fabric.system {text = "kind: nodes\nchips: 2\n"}
// expected-error @below {{@a has 1 ports and 0 parameters, so 2 chips need 2 peers and 0 numbers of sources; there are 0 and 0}}
fabric.instances @a on [0, 1] peers [] sources []
func.func @a(%x: tensor<4xf32>) {
  fabric.send %x : tensor<4xf32>
  return
}
