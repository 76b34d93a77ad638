isa.program @large machine "lpu1" {
  isa.chip_class 0 {
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 256 random 1
    isa.image slice 0 bank 0 row 256 rows 1 random 2
  }
}
