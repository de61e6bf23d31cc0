package sizing

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBytesPerParameter checks each row. Of embeddings and output, which are a tenth here, Muon has a second moment.
func TestBytesPerParameter(t *testing.T) {
	columns := []string{"adam", "adamw", "adam8bit", "lion", "muon", "soap", "sgd-momentum", "sgd", "adafactor", "none"}
	want := map[string][]float64{
		"bf16":            {14, 14, 8.03125, 10, 10.4, 30, 10, 6, 6, 2},
		"fp16":            {14, 14, 8.03125, 10, 10.4, 30, 10, 6, 6, 2},
		"fsdp2":           {12, 12, 6.03125, 8, 8.4, 28, 8, 4, 4, 4},
		"fp32":            {12, 12, 6.03125, 8, 8.4, 28, 8, 4, 4, 4},
		"precision-aware": {12, 12, 6.03125, 8, 8.4, 28, 8, 4, 4, 2},
		"deepseek-v3":     {9, 9, 7.03125, 7, 7.2, 25, 7, 5, 5, 1},
		"bf16-no-master":  {10, 10, 4.03125, 6, 6.4, 26, 6, 2, 2, 2},
		"bf16-pure":       {6, 6, 4.03125, 4, 4.2, 22, 4, 2, 2, 2},
	}
	require.Len(t, Precisions, len(want))
	require.Len(t, Optimizers, len(columns))
	for name, row := range want {
		p := precision(t, name)
		assert.NotEmpty(t, p.Source)
		for i, column := range columns {
			o := optimizer(t, column)
			per := Bytes(p, o, 0.1, false)
			assert.InDelta(t, row[i], per.Total, 1e-9, "%s %s", name, column)
			assert.InDelta(t, per.Total, per.Weights+per.Master+per.Optimizer, 1e-9)
			assert.InDelta(t, row[i]+4, Bytes(p, o, 0.1, true).Total, 1e-9, "%s %s and an average", name, column)
			assert.NotEmpty(t, o.Source)
		}
	}
}

// shape is a parameter of a model, rows by columns; a vector has no columns.
type shape struct{ rows, columns int64 }

func (s shape) size() int64 { return s.rows * max(1, s.columns) }

// llama are the parameters of a model of MLPerf, the embeddings and the output first.
func llama(name string) (outer, hidden []shape) {
	const vocabulary = 128256
	row := mlperf[name]
	kv := row.hidden / row.heads * row.kvHeads
	for range row.layers {
		hidden = append(hidden, shape{row.hidden, row.hidden}, shape{kv, row.hidden}, shape{kv, row.hidden}, shape{row.hidden, row.hidden},
			shape{row.ffn, row.hidden}, shape{row.ffn, row.hidden}, shape{row.hidden, row.ffn}, shape{row.hidden, 0}, shape{row.hidden, 0})
	}
	return []shape{{vocabulary, row.hidden}, {vocabulary, row.hidden}}, append(hidden, shape{row.hidden, 0})
}

// TestMuonStates counts the buffers that MuonWithAuxAdam makes: one momentum for matrices of the hidden layers, two
// moments for all else. Those of norms, below 0.01 %, the report leaves out.
func TestMuonStates(t *testing.T) {
	for _, m := range Models {
		outer, hidden := llama(m.Name)
		var numbers, parameters int64
		for i, s := range append(outer, hidden...) {
			parameters += s.size()
			states := int64(1)
			if i < len(outer) || s.columns == 0 {
				states = 2
			}
			numbers += states * s.size()
		}
		require.Equal(t, m.Parameters, parameters)
		report := make70B(t, func(in *Input) { in.Model, in.Optimizer = m, optimizer(t, "muon") })
		assert.InEpsilon(t, float64(4*numbers)/float64(parameters), report.BytesPerParameter.Optimizer, 1e-4, m.Name)
	}
	other := make70B(t, func(in *Input) { in.Optimizer = optimizer(t, "muon") })
	assert.InDelta(t, 10+4*0.1308, other.BytesPerParameter.Total, 1e-3)
	assert.Equal(t, []string{"13.1 % of the parameters are taken for embeddings and output, as in llama3-8b; larger models have less"}, other.Notes)
}

// TestSoapStates counts the buffers that SOAP makes: two moments, and for each side of a matrix that is no longer than
// 10,000 the square L or R and its eigenvectors. The row is for square matrices, and the most of a whole model.
func TestSoapStates(t *testing.T) {
	numbers := func(s shape) int64 {
		out := 2 * s.size()
		for _, side := range []int64{s.rows, s.columns} {
			if s.columns > 0 && side <= 10000 {
				out += 2 * side * side
			}
		}
		return out
	}
	square := shape{4096, 4096}
	row := Bytes(precision(t, "bf16"), optimizer(t, "soap"), 0, false)
	assert.InDelta(t, row.Optimizer, 4*float64(numbers(square))/float64(square.size()), 1e-9)
	for name, want := range map[string]float64{"llama3-8b": 12.9, "llama3-70b": 13.55, "llama3-405b": 8} {
		outer, hidden := llama(name)
		var states, parameters int64
		for _, s := range append(outer, hidden...) {
			states, parameters = states+numbers(s), parameters+s.size()
		}
		per := 4 * float64(states) / float64(parameters)
		assert.InDelta(t, want, per, 0.05, name)
		assert.Less(t, per, row.Optimizer, name)
	}
}

// TestAdam8bitStates counts the buffers that bitsandbytes makes for a matrix: two moments of a byte, and a scale in fp32 for
// each block of 256. The two maps of 256 numbers are left out.
func TestAdam8bitStates(t *testing.T) {
	const size, block = 4096 * 4096, 256
	per := Bytes(precision(t, "bf16"), optimizer(t, "adam8bit"), 0, false)
	assert.InDelta(t, 2*(size+4*(size/block))/float64(size), per.Optimizer, 1e-9)
}

// TestLoRA checks that a checkpoint of adapters has them alone, and the frozen weights where they are saved too.
func TestLoRA(t *testing.T) {
	lora := func(in *Input) { in.Trainable = 160e6 }
	report := make70B(t, lora)
	assert.Equal(t, Size(160e6*14), report.CheckpointBytes)
	assert.Zero(t, report.FrozenBytes)
	frozen := make70B(t, func(in *Input) { lora(in); in.Frozen = true })
	assert.Equal(t, Size(2*(70e9-160e6)), frozen.FrozenBytes)
	assert.Equal(t, report.CheckpointBytes+frozen.FrozenBytes, frozen.CheckpointBytes)
	// The frozen weights are in one copy, as the others.
	parallel := make70B(t, func(in *Input) { lora(in); in.Frozen, in.ModelParallel = true, 128 })
	assert.InEpsilon(t, 160e6*12/512+2*70e9/128, float64(parallel.Ranks.PerRankMostBytes), 1e-6)

	// Adapters are in hidden layers, so that Muon has no second moment of them.
	muon := make70B(t, func(in *Input) { lora(in); in.Optimizer = optimizer(t, "muon") })
	assert.Equal(t, Size(160e6*10), muon.CheckpointBytes)
	assert.Empty(t, muon.Notes)

	in := input70B()
	in.Trainable = 71e9
	_, err := Make(in)
	assert.EqualError(t, err, "more parameters are trained than the 70000000000 that there are")
}
