package schema

import (
	"slices"

	"checkpoint-storage/tools/ckptctl/internal/values"
)

// after returns what is wrong once the edits are made and was not before, or is wrong with what they put somewhere. What is
// missing elsewhere because of them was not seen before: it is for the next hint.
func (d diagnosis) after(edits ...values.Edit) []failure {
	failures, _ := d.schema.failures(values.Apply(d.instance, edits))
	*d.proofs += 1 + len(failures)
	return slices.DeleteFunc(failures, func(f failure) bool {
		put := slices.ContainsFunc(edits, func(e values.Edit) bool {
			if f.keyword == "additionalProperties" && len(e.To) == len(f.path)+1 && startsWith(e.To, f.path) {
				// One failure stands for all keys that are too many.
				return !takes(f.schema, e.To[len(f.path)])
			}
			return e.To != nil && startsWith(f.path, e.To)
		})
		return f.keyword == "required" || d.before[f.id] && !put
	})
}

// exact marks edits as the only ones that mend a mistake.
func exact(edits ...values.Edit) []values.Edit {
	for i := range edits {
		edits[i].Exact = true
	}
	return edits
}

// mostProofs is how many failures of the values of one chart are looked at, in trying edits too. Each edit takes as long as
// judging all of the values, and who has that many mistakes mends the first ones first.
const mostProofs = 2000

// proven says that nothing is wrong with what the edits do. What there is no time to try is not proven.
func (d diagnosis) proven(edits ...values.Edit) bool {
	return d.mayTry() && len(d.after(edits...)) == 0
}

func (d diagnosis) mayTry() bool { return *d.proofs < mostProofs }

func startsWith(path, with values.Path) bool {
	return len(path) >= len(with) && slices.Equal(path[:len(with)], with)
}
