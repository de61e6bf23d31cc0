package sizing

// Precision says how wide the numbers of a training state are in a checkpoint, in bytes for each parameter. That is not
// always their width on the GPU.
type Precision struct {
	Name string
	// Weights is the width of the weights that the model computes with, or of what is saved of them.
	Weights float64
	// Master is the width of a second, exact copy of the weights that the optimizer keeps; 0 if there is none.
	Master float64
	// State is the width of each number that the optimizer keeps besides.
	State float64
	// Meaning says it in words.
	Meaning string
	Source  string
}

// Precisions are the values of --dtype.
var Precisions = []Precision{
	{"bf16", 2, 4, 4, "bf16 weights, fp32 master copy and states: Megatron-LM, DeepSpeed", "MLPerf Storage; arXiv 1910.02054 less gradients"},
	{"fp16", 2, 4, 4, "fp16 weights, fp32 master copy and states", "as bf16"},
	{"fsdp2", 4, 0, 4, "fp32 shards that are cast to bf16 to compute: FSDP2, torchtitan, Lightning", "torch.distributed.fsdp.MixedPrecisionPolicy"},
	{"fp32", 4, 0, 4, "all in fp32", "arXiv 1412.6980"},
	// Transformer Engine casts moments to fp32 for a checkpoint, whatever their width on the GPU. Of the master copy it
	// saves the 16 bits that the weights do not have; all 32, as with bf16, where the checkpoint is fully reshardable.
	{"precision-aware", 2, 2, 4, "bf16 weights, the other half of the master copy, states cast to fp32",
		"Megatron-LM --use-precision-aware-optimizer; Transformer Engine, FusedAdam.get_unscaled_state"},
	// The paper says what is kept, and not what is saved of the weights: with bf16 weights it is one byte more.
	{"deepseek-v3", 1, 4, 2, "fp8 weights, fp32 master copy, bf16 states", "arXiv 2412.19437, 3.3.3"},
	{"bf16-no-master", 2, 0, 4, "bf16 weights, fp32 states, no master copy", "as bf16, less the copy"},
	{"bf16-pure", 2, 0, 2, "all in bf16", "torch.optim: states have the dtype of their weights"},
}

// State is a kind of number that an optimizer keeps.
type State struct {
	// Count is how many of them for each parameter.
	Count float64
	// Width is the bytes of one; 0 if it is the precision's.
	Width float64
	// Outer is true where only the parameters outside of the hidden matrices have it: embeddings and output.
	Outer bool
}

// Optimizer says what an optimizer keeps for each parameter.
type Optimizer struct {
	Name string
	// States are its numbers, besides the master copy of the weights.
	States []State
	// Master is false where there is nothing to resume from, so that the master copy is not saved either.
	Master bool
	// Meaning says it in words.
	Meaning string
	Source  string
}

// Optimizers are the values of --optimizer.
var Optimizers = []Optimizer{
	{"adam", []State{{Count: 2}}, true, "two moments", "arXiv 1412.6980"},
	{"adamw", []State{{Count: 2}}, true, "two moments", "arXiv 1711.05101"},
	// Each block of 256 numbers has a scale in fp32.
	{"adam8bit", []State{{Count: 2, Width: 1 + 4.0/256}}, true, "two moments of 8 bits, a scale for each 256", "bitsandbytes, optim/optimizer.py"},
	{"lion", []State{{Count: 1}}, true, "one momentum", "arXiv 2302.06675"},
	{"muon", []State{{Count: 1}, {Count: 1, Outer: true}}, true, "one momentum; two moments of embeddings and output", "KellerJordan/Muon, muon.py"},
	// The two moments, and of a square matrix L, R and the eigenvectors of both, which are made in fp32.
	{"soap", []State{{Count: 2}, {Count: 4, Width: 4}}, true, "two moments, L, R and their eigenvectors of square matrices", "nikhilvyas/SOAP, soap.py"},
	{"sgd-momentum", []State{{Count: 1}}, true, "one momentum", "torch.optim.SGD"},
	{"sgd", nil, true, "no states", "torch.optim.SGD"},
	// Row and column sums: 2/4096 of a number for each parameter of a square matrix of 4096.
	{"adafactor", nil, true, "row and column sums, below 0.1 % and left out", "arXiv 1804.04235"},
	{"none", nil, false, "weights alone, to serve and not to resume", "by definition"},
}

// PerParameter is what a checkpoint holds for each parameter that is trained, in bytes.
type PerParameter struct {
	Total     float64 `json:"total"`
	Weights   float64 `json:"weights"`
	Master    float64 `json:"master"`
	Optimizer float64 `json:"optimizer"`
	// Average is an exponential moving average of the weights.
	Average float64 `json:"average,omitempty"`
}

// averageWidth is the width of an average of the weights: in bf16 its small steps would be lost.
const averageWidth = 4

// Bytes returns what a checkpoint holds for each parameter, without gradients: the frameworks that the chart knows do not
// save them. Outer is the share of the parameters outside of the hidden matrices.
func Bytes(p Precision, o Optimizer, outer float64, average bool) PerParameter {
	out := PerParameter{Weights: p.Weights}
	for _, s := range o.States {
		width := s.Width
		if width == 0 {
			width = p.State
		}
		if s.Outer {
			width *= outer
		}
		out.Optimizer += s.Count * width
	}
	if o.Master {
		out.Master = p.Master
	}
	if average {
		out.Average = averageWidth
	}
	out.Total = out.Weights + out.Master + out.Optimizer + out.Average
	return out
}

// Model is a model whose checkpoint MLPerf Storage publishes.
type Model struct {
	Name       string
	Parameters int64
	// Outer is how many of them are in the embeddings and the output.
	Outer int64
	// Processes is how many ranks MLPerf Storage saves it from, and ModelParallel how many of them share a copy of the
	// weights; 0 if all do.
	Processes, ModelParallel int
	// Note says what is to be known of it; "" where MLPerf's row reproduces.
	Note string
}

// Models are the values of --model: Table 2 of MLPerf Storage's submission guidelines, the parameters counted as
// DLIO counts them over the configurations in configs/dlio/workload.
var Models = []Model{
	{Name: "llama3-8b", Parameters: 8_030_261_248, Outer: 1_050_673_152, Processes: 8},
	{Name: "llama3-70b", Parameters: 69_882_617_856, Outer: 2_101_346_304, Processes: 64},
	{Name: "llama3-405b", Parameters: 405_853_388_800, Outer: 4_202_692_608, Processes: 512, ModelParallel: 8 * 32},
	{Name: "llama3-1t", Parameters: 1_183_035_102_480, Outer: 6_636_478_464, Processes: 1024, ModelParallel: 8 * 64,
		Note: "MLPerf's table says 18 TB for llama3-1t, which its own formula does not give: " +
			"1183e9 parameters of 14 bytes are 15425 GiB; this report goes by the formula"},
}
