package install

import "flag"

var update = flag.Bool("update", false, "write the tables of this folder from what the run saw")
