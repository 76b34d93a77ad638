// What a relocation must not be: a port at the other end of the chip, a port
// twice, a port that does not exist, shared segments of unequal length or bytes.
// RUN: not lpu-translate --isa-to-binary %s -o %t.lpu 2>&1 | FileCheck %s
// CHECK: chip 0, link 0: port 1 is at the other end of the chip
// CHECK: chip 0, link 2: port 1 stands for another link, too
// CHECK: chip 1, link 3: port 9; a chip has 4
// CHECK: chip 2: 3 link ports; a chip has 4
// CHECK: chip 2, image of slice 2 bank 0 row 0: 2 rows are shared with a segment of 1
// CHECK: chip 2, image of slice 3 bank 0 row 0: its bytes differ from those it is shared with
// CHECK: chip 3: its start is above 2^40 cycles
isa.program @invalid machine "nano" {
  isa.chip_class 0 {
  }
  isa.chip 0 class 0 links [1, 3, 1, 0] {
    isa.image slice 1 bank 0 row 0 rows 1 hex ["01"] share 1
  }
  isa.chip 1 class 0 links [0, 1, 2, 9] {
  }
  isa.chip 2 class 0 links [0, 1, 2] {
    isa.image slice 2 bank 0 row 0 rows 2 hex ["01", "02"] share 1
    isa.image slice 3 bank 0 row 0 rows 1 hex ["02"] share 1
  }
  isa.chip 3 class 0 start 1099511627777 {
  }
}
