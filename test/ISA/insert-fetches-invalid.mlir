// Queues without idle cycles, and machines without room, are refused by name.
// RUN: lpu-opt --isa-insert-fetches --split-input-file --verify-diagnostics %s

// 20 instructions without a gap do not fit into a buffer of 16.
// expected-error @below {{mem 1: not enough free cycles to fetch its text: row 16 (instruction 16) would be missing in cycle 16}}
isa.program @busy machine "nano" {
  isa.chip_class 0 {
    isa.queue mem 1 {
      isa.mem.setreg at 0 reg = 1, value = 1
      isa.mem.setreg at 1 reg = 1, value = 1
      isa.mem.setreg at 2 reg = 1, value = 1
      isa.mem.setreg at 3 reg = 1, value = 1
      isa.mem.setreg at 4 reg = 1, value = 1
      isa.mem.setreg at 5 reg = 1, value = 1
      isa.mem.setreg at 6 reg = 1, value = 1
      isa.mem.setreg at 7 reg = 1, value = 1
      isa.mem.setreg at 8 reg = 1, value = 1
      isa.mem.setreg at 9 reg = 1, value = 1
      isa.mem.setreg at 10 reg = 1, value = 1
      isa.mem.setreg at 11 reg = 1, value = 1
      isa.mem.setreg at 12 reg = 1, value = 1
      isa.mem.setreg at 13 reg = 1, value = 1
      isa.mem.setreg at 14 reg = 1, value = 1
      isa.mem.setreg at 15 reg = 1, value = 1
      isa.mem.setreg at 16 reg = 1, value = 1
      isa.halt at 17
    }
  }
  isa.chip 0 class 0 {
  }
}

// -----

// expected-error @below {{mem 1: no bank is free for program text}}
isa.program @full machine "nano" {
  isa.chip_class 0 {
    isa.queue mem 1 {
      isa.halt at 0
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1024
    isa.image slice 0 bank 1 row 0 rows 1024
    isa.image slice 7 bank 0 row 0 rows 1024
    isa.image slice 7 bank 1 row 0 rows 1024
  }
}

// -----

// expected-error @below {{mem 1: its text takes 2 rows; the emptiest text bank has 1 left}}
isa.program @small machine "nano" {
  isa.chip_class 0 {
    isa.queue mem 1 {
      isa.nop at 0
      isa.halt at 1
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1024
    isa.image slice 0 bank 1 row 0 rows 1024
    isa.image slice 7 bank 0 row 0 rows 1024
    isa.image slice 7 bank 1 row 1 rows 1023
  }
}
