package cli

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"checkpoint-storage/tools/ckptctl/internal/sizing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files of size")

// run70B is the run that the README shows.
const run70B = "--params 70e9 --nodes 64 --keep 3 --write-gbps 20 --target-seconds 60"

// size runs ckptctl size with flags as they are written in a shell.
func size(flags string, more ...string) (code int, out, errs string) {
	return ckptctl(append(append([]string{"size"}, strings.Fields(flags)...), more...)...)
}

// TestSizeOutput checks each format as a whole.
func TestSizeOutput(t *testing.T) {
	for name, flags := range map[string]string{
		"readme.txt":      run70B,
		"everything.txt":  "--model llama3-405b --dtype bf16-no-master --optimizer lion --keep 2 --milestones 5 --fill 0.55 --write-gbps 100 --target-seconds 30 --mtbf-gpu-hours 20000 --restart-seconds 900 --interval 30m --async-stall-seconds 4",
		"tiers.txt":       "--params 405B --dtype fsdp2 --ema --nodes 2048 --write-gbps 200 --read-gbps 400 --restart-seconds 300 --fast-gbps 20000 --fast-recovers 0.9",
		"lora.txt":        "--params 70B --trainable 160M --save-frozen --optimizer muon --dtype bf16",
		"bytes.txt":       "--params 685B --bytes-per-param 9.5 --nodes 256 --fast-gbps 100 --fast-recovers 0.23",
		"least.txt":       "--params 1.5B",
		"1t.txt":          "--model llama3-1t --target-seconds 60",
		"everything.json": "-o json --model llama3-405b --ema --trainable 300B --save-frozen --milestones 5 --write-gbps 100 --target-seconds 30 --mtbf-gpu-hours 20000 --interval 30m --async-stall-seconds 4 --fast-gbps 10000 --fast-recovers 0.5",
		"least.json":      "-o json --params 1.5B",
		"70b.yaml":        "-o values --model llama3-70b --milestones 2",
		"least.yaml":      "-o values --params 1M --optimizer none",
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := size(flags)
			assert.Equal(t, OK, code)
			assert.Empty(t, errs)
			file := filepath.Join("testdata", "size", name)
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(out), 0o600))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, string(want), out, "%s differs; if the change is meant: go test ./tools/ckptctl/internal/cli -update", file)
		})
	}
}

// TestSizeReadme checks that the README shows what the tool prints.
func TestSizeReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	want, err := os.ReadFile("testdata/size/readme.txt")
	require.NoError(t, err)
	assert.Contains(t, string(readme), "ckptctl size "+run70B+"\n"+string(want)+"```")
}

// TestSizeValues checks that the chart takes the snippet.
func TestSizeValues(t *testing.T) {
	for _, flags := range []string{"--params 1e6", "--params 1e14 --keep 100", "--model llama3-70b", "--params 7B --fill 0.33 --milestones 3"} {
		code, snippet, _ := size("-o values " + flags)
		require.Equal(t, OK, code, flags)
		path := file(t, "size.yaml", snippet)
		code, found := findings(t, "-f", path, "--set", "hostPath.path=/mnt/checkpoints", "--set", "hostPath.sharedMount=true")
		assert.Equal(t, OK, code, flags)
		assert.Empty(t, found, flags)
	}
}

func TestSizePlot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lost.svg")
	code, out, _ := size(run70B, "--plot", path)
	assert.Equal(t, OK, code)
	want, err := os.ReadFile("testdata/size/readme.txt")
	require.NoError(t, err)
	assert.Equal(t, string(want), out, "the report is printed too")
	svg, err := os.ReadFile(path)
	require.NoError(t, err)
	decoder := xml.NewDecoder(strings.NewReader(string(svg)))
	for err == nil {
		_, err = decoder.Token()
	}
	assert.ErrorIs(t, err, io.EOF)
	assert.Contains(t, string(svg), "by Young: 98.5 min, 1.81 %")
	assert.Contains(t, string(svg), "best: 98.8 min, 1.81 %")
	assert.NotContains(t, string(svg), "fast tier")

	code, _, _ = size(run70B+" --fast-gbps 500 --fast-recovers 0.9", "--plot", path)
	assert.Equal(t, OK, code)
	svg, err = os.ReadFile(path)
	require.NoError(t, err)
	assert.Contains(t, string(svg), "best with a fast tier: ")
}

func TestSizeUnusable(t *testing.T) {
	for flags, want := range map[string]string{
		"":                                     "give one of --model, for example --model llama3-8b, and --params, for example --params 70e9",
		"--params 70e9 --model llama3-8b":      "give one of --model",
		"--params 70":                          "--params 70: must be from a million to 100 trillion parameters; 70 billion are 70e9 or 70B",
		"--params seventy":                     "--params seventy: not a number; write 70e9, 70B or 1.2T",
		"--params NaN":                         "--params NaN: must be from a million",
		"--params inf":                         "--params inf: must be from a million",
		"--params -7e9":                        "--params -7e9: must be from a million",
		"--params 1e400":                       "--params 1e400: not a number",
		"--params B":                           "--params B: not a number",
		"--model llama3-80b":                   "--model llama3-80b: unknown name; did you mean llama3-8b? available: llama3-8b, llama3-70b, llama3-405b, llama3-1t",
		"--model gpt":                          "--model gpt: unknown name; available: llama3-8b",
		"--model llama3-70b --gpus-per-node 6": "--gpus-per-node 6: MLPerf saves llama3-70b from 64 ranks, which do not fill nodes of that size; add --nodes",
		"--params 7B --dtype bf61":             "--dtype bf61: unknown name; did you mean bf16? available: bf16, fp16, fsdp2, fp32, precision-aware, deepseek-v3, bf16-no-master, bf16-pure",
		"--params 7B --optimizer adma":         "--optimizer adma: unknown name; did you mean adam?",
		"--params 7B --bytes-per-param 0":      "--bytes-per-param 0: must be from 0.1 to 1000 bytes",
		"--params 7B --bytes-per-param NaN":    "--bytes-per-param NaN: must be",
		"--params 7B --bytes-per-param 9 --dtype fp32": "give one of --bytes-per-param and --dtype: the bytes are all that is saved for a parameter",
		"--params 7B --bytes-per-param 9 --ema":        "give one of --bytes-per-param and --ema",
		"--params 7B --trainable 10":                   "--trainable 10: must be from a thousand to 100 trillion parameters",
		"--params 7B --trainable 8B":                   "more parameters are trained than the 7000000000 that there are",
		"--params 7B --save-frozen":                    "--save-frozen: add --trainable",
		"--params 7B --nodes 2 --model-parallel 3":     "16 ranks do not make whole copies of weights that 3 ranks share",
		"--params 7B --nodes 2 --model-parallel -1":    "--model-parallel -1: must be from 0",
		"--params 7B --files-per-rank 0":               "--files-per-rank 0: must be from 1",
		"--params 7B --read-gbps 0":                    "--read-gbps 0: must be",
		"--params 7B --fast-gbps 9":                    "--fast-gbps: add --fast-recovers",
		"--params 7B --fast-recovers 0.9":              "--fast-recovers: add --fast-gbps",
		"--params 7B --fast-gbps 9 --fast-recovers 90": "--fast-recovers 90: must be from 0.01 to 0.99 of the failures: 0.9 is 90 %",
		"--params 7B --nodes 0":                        "--nodes 0: must be from 1 to 1000000 nodes",
		"--params 7B --nodes -1":                       "--nodes -1: must be from 1",
		"--params 7B --gpus-per-node 0":                "--gpus-per-node 0: must be from 1 to 1000 GPUs",
		"--params 7B --keep 0":                         "--keep 0: must be from 1",
		"--params 7B --milestones -1":                  "--milestones -1: must be from 0",
		"--params 7B --fill 80":                        "--fill 80: must be from 0.01 to 1 of the claim: 0.8 is 80 %",
		"--params 7B --fill 0":                         "--fill 0: must be",
		"--params 7B --write-gbps 0":                   "--write-gbps 0: must be from 0.001 to 1000000 GB/s",
		"--params 7B --write-gbps NaN":                 "--write-gbps NaN: must be",
		"--params 7B --write-gbps Inf":                 "--write-gbps +Inf: must be",
		"--params 7B --target-seconds -Inf":            "--target-seconds -Inf: must be",
		"--params 7B --mtbf-gpu-hours 0.5":             "--mtbf-gpu-hours 0.5: must be from 1 to 1000000000 hours",
		"--params 7B --restart-seconds -1":             "--restart-seconds -1: must be from 0",
		"--params 7B --async-stall-seconds 0":          "--async-stall-seconds 0: must be",
		"--params 7B --interval -3m":                   "--interval -180: must be",
		"--params 7B --interval 30":                    "missing unit in duration",
		"--params 7B --write-gbps 1 --interval 1m":     "an interval of 60 s is shorter than a save, which takes 98 s",
		"--params 7B --nodes 1.5":                      "--nodes",
		"--params 1e14 --keep 1000000":                 "the claim would have 1518 EiB, and no store is that large",
		"--params 7B -o xml":                           "-o xml: must be text, json or values",
		"--params 7B --plot lost.svg":                  "--plot lost.svg: the curve needs --nodes and --write-gbps",
		run70B + " --plot lost.png":                    "--plot lost.png: the plot is an SVG file: the name must end in .svg",
		run70B + " --plot no/such/folder/lost.svg":     "no such file or directory",
		"llama3-70b": "unknown command",
		"--params 7B --mtbf-gpu-hours many --nodes 1": "--mtbf-gpu-hours",
	} {
		t.Run(flags, func(t *testing.T) {
			code, out, errs := size(flags)
			assert.Equal(t, Unusable, code)
			assert.Empty(t, out)
			assert.Contains(t, errs, want)
		})
	}
	_, err := os.Stat("lost.svg")
	assert.True(t, errors.Is(err, os.ErrNotExist))
}

func TestSizeHelp(t *testing.T) {
	code, out, _ := size("--help")
	assert.Equal(t, OK, code)
	for _, m := range sizing.Models {
		assert.Contains(t, out, m.Name)
	}
	for _, p := range sizing.Precisions {
		assert.Contains(t, out, "\n  "+p.Name)
	}
	for _, o := range sizing.Optimizers {
		assert.Contains(t, out, "\n  "+o.Name)
	}
	everything, err := os.ReadFile("testdata/size/everything.json")
	require.NoError(t, err)
	for _, key := range regexp.MustCompile(`"(\w+)":`).FindAllStringSubmatch(string(everything), -1) {
		assert.Regexp(t, `\b`+key[1]+`\b`, out)
	}
	_, examples, _ := strings.Cut(out, "\nExamples:\n")
	examples, _, _ = strings.Cut(examples, "\n\n")
	t.Chdir(t.TempDir())
	for line := range strings.Lines(examples) {
		command, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "ckptctl size "), " >")
		code, _, errs := size(command)
		assert.Equal(t, OK, code, "%s: %s", line, errs)
	}
}

// FuzzSize checks that no flags whatever end in a panic, in an exit code that is not documented, or in numbers that are
// none.
func FuzzSize(f *testing.F) {
	for _, seed := range []string{
		"--params 70e9", run70B, "--model llama3-1t --async-stall-seconds 1 --write-gbps 1e-3 --mtbf-gpu-hours 1",
		"--params 1e14 --nodes 1000000 --gpus-per-node 1000 --write-gbps 1e6 --mtbf-gpu-hours 1",
		"--params 1e14 --nodes 1000000 --write-gbps 1e-3 --fast-gbps 1e-3 --fast-recovers 0.99 --mtbf-gpu-hours 1 --restart-seconds 1e6",
		"--params 1e6 --nodes 1 --write-gbps 1e-3 --async-stall-seconds 1e-3 --fast-gbps 1e9 --fast-recovers 0.01 --mtbf-gpu-hours 1e9 --ema",
		"--params 7B --trainable 1M --save-frozen --nodes 3 --model-parallel 8 --write-gbps 9", "--params 7B --bytes-per-param 0.1 --nodes 1",
		"--params 1e6 --optimizer none --nodes 1 --write-gbps 1e6 --mtbf-gpu-hours 1e9 --interval 27777h", "--params NaN", "--params 0x1p40",
		"--params 7B --fill 1e-300 --keep 9223372036854775807", "--params 7B --interval 9223372036s --write-gbps 1", "--params=", "--model=",
	} {
		f.Add(seed)
	}
	path := filepath.Join(f.TempDir(), "lost.svg")
	f.Fuzz(func(t *testing.T, flags string) {
		// A plot that the fuzzer thinks of would be written where it thinks of.
		if strings.Contains(flags, "-p") && strings.Contains(flags, "plot") {
			t.Skip()
		}
		for _, more := range [][]string{{}, {"-o", "json"}, {"-o", "values"}, {"--plot", path}} {
			code, out, errs := size(flags, more...)
			assert.Contains(t, []int{OK, Unusable}, code)
			assert.Equal(t, code == Unusable, errs != "")
			assert.NotContains(t, out, "NaN")
			assert.NotContains(t, out, "Inf ")
		}
	})
}
