package report

import "unicode/utf8"

// widest is how many bytes of a line of source are shown: a file may have all of its values in one line.
const widest = 160

// cursor finds the characters of long lines: findings come in the order of their columns, and each is sought from where
// the one before was found.
type cursor struct {
	source         string
	column, offset int
}

// at returns where the column of a line begins, in bytes. Columns count from 1; one that the line does not have is its
// end.
func (c *cursor) at(source string, column int) int {
	if source != c.source || column < c.column {
		*c = cursor{source: source, column: 1}
	}
	for c.column < column && c.offset < len(source) {
		_, size := utf8.DecodeRuneInString(source[c.offset:])
		c.offset += size
		c.column++
	}
	return c.offset
}

// excerpt is what is shown of a line of source, and what of it stands before the column.
func (c *cursor) excerpt(source string, column int) (shown, before string) {
	at := c.at(source, column)
	from, to := 0, len(source)
	var left, right string
	if at > widest {
		from, left = back(source, at-widest/2), "…"
	}
	if to > from+widest {
		to, right = back(source, from+widest), "…"
	}
	return left + source[from:to] + right, left + source[from:min(at, to)]
}

// back is the beginning of the character in which a byte stands.
func back(source string, at int) int {
	for range utf8.UTFMax - 1 {
		if at > 0 && !utf8.RuneStart(source[at]) {
			at--
		}
	}
	return at
}
