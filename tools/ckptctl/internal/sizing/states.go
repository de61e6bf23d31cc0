package sizing

// Precision says how wide the numbers of a training state are, in bytes for each parameter.
type Precision struct {
	Name string
	// Weights is the width of the weights that the model computes with.
	Weights int
	// Master is the width of a second, exact copy of the weights that the optimizer keeps; 0 if there is none.
	Master int
	// State is the width of each number that the optimizer keeps besides.
	State int
	// Meaning says it in words.
	Meaning string
	Source  string
}

// Precisions are the values of --dtype.
var Precisions = []Precision{
	{"bf16", 2, 4, 4, "bf16 weights, fp32 master copy and states", "MLPerf Storage; arXiv 1910.02054 less gradients"},
	{"fp16", 2, 4, 4, "fp16 weights, fp32 master copy and states", "as bf16"},
	{"fp32", 4, 0, 4, "all in fp32", "arXiv 1412.6980"},
	{"bf16-no-master", 2, 0, 4, "bf16 weights, fp32 states, no master copy", "as bf16, less the copy"},
	{"bf16-pure", 2, 0, 2, "all in bf16", "torch.optim: states have the dtype of their weights"},
}

// Optimizer says how many numbers an optimizer keeps for each parameter.
type Optimizer struct {
	Name string
	// States is how many, besides the master copy of the weights.
	States int
	// Master is false where there is nothing to resume from, so that the master copy is not saved either.
	Master bool
	// Meaning says it in words.
	Meaning string
	Source  string
}

// Optimizers are the values of --optimizer.
var Optimizers = []Optimizer{
	{"adam", 2, true, "two moments", "arXiv 1412.6980"},
	{"adamw", 2, true, "two moments", "arXiv 1711.05101"},
	{"lion", 1, true, "one momentum", "arXiv 2302.06675"},
	{"sgd-momentum", 1, true, "one momentum", "torch.optim.SGD"},
	{"sgd", 0, true, "no states", "torch.optim.SGD"},
	// Row and column sums: 2/4096 of a number for each parameter of a square matrix of 4096.
	{"adafactor", 0, true, "row and column sums, below 0.1 % and left out", "arXiv 1804.04235"},
	{"none", 0, false, "weights alone, to serve and not to resume", "by definition"},
}

// PerParameter is what a checkpoint holds for each parameter, in bytes.
type PerParameter struct {
	Total     int `json:"total"`
	Weights   int `json:"weights"`
	Master    int `json:"master"`
	Optimizer int `json:"optimizer"`
}

// Bytes returns what a checkpoint holds for each parameter, without gradients: no framework saves them.
func Bytes(p Precision, o Optimizer) PerParameter {
	out := PerParameter{Weights: p.Weights, Optimizer: o.States * p.State}
	if o.Master {
		out.Master = p.Master
	}
	out.Total = out.Weights + out.Master + out.Optimizer
	return out
}

// Model is a model whose checkpoint MLPerf Storage publishes.
type Model struct {
	Name       string
	Parameters int64
	// Processes is how many ranks MLPerf Storage saves it from.
	Processes int
	// Note says what is to be known of it; "" where MLPerf's row reproduces.
	Note string
}

// Models are the values of --model: Table 2 of MLPerf Storage's submission guidelines, the parameters counted as
// DLIO counts them over the configurations in configs/dlio/workload.
var Models = []Model{
	{Name: "llama3-8b", Parameters: 8_030_261_248, Processes: 8},
	{Name: "llama3-70b", Parameters: 69_882_617_856, Processes: 64},
	{Name: "llama3-405b", Parameters: 405_853_388_800, Processes: 512},
	{Name: "llama3-1t", Parameters: 1_183_035_102_480, Processes: 1024,
		Note: "MLPerf's table says 18 TB for llama3-1t, which its own formula does not give: " +
			"1183e9 parameters of 14 bytes are 15425 GiB; this report goes by the formula"},
}
