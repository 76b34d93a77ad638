// Programs that do not make a package are refused with everything that is wrong.
// RUN: lpu-translate --isa-to-binary --split-input-file --verify-diagnostics %s -o %t

// expected-error @below {{mem 0: 1 instructions without a place for their text}}
isa.program @place machine "nano" {
  isa.chip_class 0 {
    isa.queue mem 0 {
      isa.halt at 0
    }
  }
  isa.chip 0 class 0 {
  }
}

// -----

// expected-error @below {{chip 0, slice 7 bank 0: image rows 4 .. 6 and 5 .. 5 overlap}}
isa.program @overlap machine "nano" {
  isa.chip_class 0 {
    isa.queue mem 0 text [7, 0, 5] {
      isa.halt at 0
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 7 bank 0 row 4 rows 3
  }
}

// -----

// expected-error @below {{2 rows from row 1023 on; a bank has rows 0 .. 1023}}
isa.program @rows machine "nano" {
  isa.chip_class 0 {
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 1023 rows 2
    isa.image slice 8 bank 0 row 0 rows 1
  }
}

// -----

// expected-error @below {{class 0: no chip is of this class}}
isa.program @classes machine "nano" {
  isa.chip_class 0 {
  }
  isa.chip 0 class 1 {
  }
}

// -----

// expected-error @below {{wire from chip 0 link 4 to chip 1 link 0: there are 1 chips}}
isa.program @wires machine "nano" {
  isa.chip_class 0 {
  }
  isa.chip 0 class 0 {
  }
  isa.wire chip 0 link 4 to chip 1 link 0
}

// -----

// expected-error @below {{input 'x': its strides pass its 1 tensor rows}}
isa.program @strides machine "nano" {
  isa.chip_class 0 {
  }
  isa.chip 0 class 0 {
  }
  isa.input "x" host "int32" chip i8 shape [2, 16] {
    isa.placement rows 1 stride [1, 0] features stride [0, 1] group 16 per_chunk 1 chunks 1 stripes 1 columns (0 0 0 3)
  }
}

// -----

// expected-error @below {{output 'y': 1 columns; 1 chunks x 1 stripes x 4 bytes are needed}}
isa.program @columns machine "nano" {
  isa.chip_class 0 {
  }
  isa.chip 0 class 0 {
  }
  isa.output "y" host "float32" chip f32 shape [4] {
    isa.placement rows 1 stride [0] features stride [1] group 16 per_chunk 1 chunks 1 stripes 1 columns (0 0 0 3)
  }
}

// -----

isa.program @image machine "nano" {
  isa.chip_class 0 {
  }
  isa.chip 0 class 0 {
    // expected-error @below {{row 0 has 17 bytes; a row has 16 (lanes)}}
    isa.image slice 0 bank 0 row 0 rows 1 hex ["0000000000000000000000000000000000"]
  }
}
