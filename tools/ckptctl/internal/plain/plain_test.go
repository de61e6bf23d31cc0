package plain

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"a value: é, 日本, 🚀, ::, #, \\": "a value: é, 日本, 🚀, ::, #, \\",
		"two\nlines\r\nand\ta tab":     "two lines and a tab",
		"\x1b[2J\a\x7f\u009b":          `\u001b[2J\u0007\u007f\u009b`,
		"\u202e\u2066\u200b\u2028":     `\u202e\u2066\u200b\u2028`,
		"\ufeff\u00a0":                 `\ufeff\u00a0`,
		"\U000e0041":                   `\udb40\udc41`,
		"\xff\r":                       `\ufffd\u000d`,
		"a ##[error]b ##vso[x]c ## d":  `a #\u0023[error]b #\u0023vso[x]c ## d`,
	} {
		assert.Equal(t, want, Line(text), "%q", text)
		assert.Equal(t, want, Line(want), "it is clean already")
	}
	assert.Equal(t, "a\n\tb", Text("a\r\n\tb"))
	assert.Equal(t, []string{"a b"}, Lines([]string{"a\nb"}))
	assert.Nil(t, Lines(nil))
}

func TestInert(t *testing.T) {
	assert.Equal(t, "a ::error::\n  \\u003a:error::x\n", Inert("a ::error::\n  ::error::x\n"))
	assert.Equal(t, "nfs.server: ::1", Inert("nfs.server: ::1"))
}

// TestWriter checks that only decorations go through, and only to a terminal.
func TestWriter(t *testing.T) {
	text := Red + "error" + Off + Rewind + "\x1b[2J\x1b[35m\r\n" + Bold
	for decorated, want := range map[bool]string{
		true:  Red + "error" + Off + Rewind + `\u001b[2J\u001b[35m` + "\n" + Bold,
		false: `\u001b[31merror\u001b[0m\u000d\u001b[K\u001b[2J\u001b[35m` + "\n" + `\u001b[1m`,
	} {
		var out bytes.Buffer
		n, err := Writer{&out, decorated}.Write([]byte(text))
		require.NoError(t, err)
		assert.Equal(t, len(text), n)
		assert.Equal(t, want, out.String())
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"", "a\n\tb", "\x1b]52;c;\x07", "\u202e::", "##[x", "\xf0\x28", "####[vso["} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		line := Line(text)
		for _, r := range line {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q shows %q", text, r)
			}
		}
		if strings.Contains(line, "##[") || strings.Contains(line, "##vso[") || Line(line) != line || Text(line) != line {
			t.Fatalf("%q is %q", text, line)
		}
		// JSON that went through Text is still JSON, of the same value.
		before, err := json.Marshal(strings.ToValidUTF8(text, "\ufffd"))
		require.NoError(t, err)
		var a, b string
		require.NoError(t, json.Unmarshal(before, &a))
		require.NoError(t, json.Unmarshal([]byte(Text(string(before))), &b))
		if a != b {
			t.Fatalf("%q became %q", a, b)
		}
	})
}
