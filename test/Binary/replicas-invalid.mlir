// Replicas that are not copies: in class, start, registers or image of a chip, in wires, in places of an input; chips that
// they cannot share.
// RUN: split-file %s %t
// RUN: not lpu-translate --isa-to-binary %t/unlike.mlir -o %t.lpu 2>&1 | FileCheck %t/unlike.mlir
// RUN: not lpu-translate --isa-to-binary %t/uneven.mlir -o %t.lpu 2>&1 | FileCheck %t/uneven.mlir
// What is legal comes back from the file. Ports may differ: links of the text count.
// RUN: lpu-translate --isa-to-binary %t/legal.mlir -o %t.lpu
// RUN: lpu-translate --binary-to-isa %t.lpu | FileCheck %t/legal.mlir
// RUN: lpu-objdump --manifest %t.lpu | FileCheck %t/legal.mlir --check-prefix=DUMP

//--- unlike.mlir
// CHECK: chip 4 of replica 2 is not like chip 0 of the first in class, start, registers and image
// CHECK: chip 6 of replica 3 is not like chip 0 of the first in class, start, registers and image
// CHECK: a wire leads from chip 0 to chip 2 of another replica
// CHECK: the wires of replica 1 are not those of the first
// CHECK: 'x' has other places in one replica than in another
isa.program @unlike machine "nano" replicas 4 {
  isa.chip_class 0 {
  }
  isa.chip 0 class 0 {
    isa.image slice 1 bank 0 row 0 rows 1 hex ["01"]
  }
  isa.chip 1 class 0 {
  }
  isa.chip 2 class 0 {
    isa.image slice 1 bank 0 row 0 rows 1 hex ["01"]
  }
  isa.chip 3 class 0 {
  }
  isa.chip 4 class 0 {
    isa.image slice 1 bank 0 row 0 rows 1 hex ["02"]
  }
  isa.chip 5 class 0 {
  }
  isa.chip 6 class 0 start 3 {
    isa.image slice 1 bank 0 row 0 rows 1 hex ["01"]
  }
  isa.chip 7 class 0 {
  }
  isa.wire chip 0 link 1 to chip 1 link 0
  isa.wire chip 0 link 3 to chip 2 link 0
  isa.wire chip 2 link 3 to chip 3 link 0
  isa.input "x" host "int32" chip i8 shape [16] {
    isa.placement rows 1 stride [0] features stride [1] group 16 per_chunk 1 chunks 1 stripes 1 columns (0 2 0 0)
    isa.placement rows 1 stride [0] features stride [1] group 16 per_chunk 1 chunks 1 stripes 1 columns (2 2 0 1)
    isa.placement rows 1 stride [0] features stride [1] group 16 per_chunk 1 chunks 1 stripes 1 columns (4 2 0 0)
    isa.placement rows 1 stride [0] features stride [1] group 16 per_chunk 1 chunks 1 stripes 1 columns (6 2 0 0)
  }
}
//--- uneven.mlir
// CHECK: 3 chips are not 2 replicas of equally many
isa.program @uneven machine "nano" replicas 2 {
  isa.chip_class 0 {
  }
  isa.chip 0 class 0 {
  }
  isa.chip 1 class 0 {
  }
  isa.chip 2 class 0 {
  }
}
//--- legal.mlir
// CHECK: isa.program @legal machine "nano" replicas 2
// DUMP: replicas: 2
isa.program @legal machine "nano" replicas 2 {
  isa.chip_class 0 {
  }
  isa.chip 0 class 0 {
  }
  isa.chip 1 class 0 {
  }
  isa.chip 2 class 0 links [2, 1, 0, 3] {
  }
  isa.chip 3 class 0 {
  }
  isa.wire chip 0 link 0 to chip 1 link 1
  isa.wire chip 2 link 2 to chip 3 link 1
}
