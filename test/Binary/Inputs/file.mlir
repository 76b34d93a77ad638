isa.program @file machine "nano" {
  isa.chip_class 0 {
  }
  isa.chip 0 class 0 {
    isa.image slice 3 bank 1 row 2 rows 1 file "PACKAGE" offset 0
  }
}
