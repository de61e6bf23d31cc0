package schema

import (
	"math/bits"
	"regexp"
	"slices"
	"strings"
)

// Nearest returns the word of the list that the user may have meant, or "".
func Nearest(word string, list []string) string { return nearest(word, list, nil) }

// nearest returns the word of the list that the user may have meant, or "". Words that taken holds
// are there already and were not meant.
func nearest(word string, list []string, taken map[string]any) string {
	best, distance := "", max(1, len(word)/3)
	folded := fold(word)
	for _, candidate := range list {
		if _, there := taken[candidate]; there {
			continue
		}
		if strings.EqualFold(word, candidate) || strings.EqualFold(folded, separators.Replace(candidate)) {
			return candidate
		}
		if d := edits(word, candidate, distance); d < distance || d == distance && best == "" && d < len(candidate) {
			best, distance = candidate, d
		}
	}
	return best
}

// alone says that the word which nearest has found is a letter or two away, and the only one that near.
func alone(near, word string, list []string, taken map[string]any) bool {
	distance := 0
	if fold(word) != fold(near) {
		if distance = edits(word, near, 2); distance > max(1, min(2, len(word)/3)) {
			return false
		}
	}
	for _, candidate := range list {
		if _, there := taken[candidate]; !there && candidate != near && edits(word, candidate, distance) <= distance {
			return false
		}
	}
	return true
}

// part is what a capital begins in a name.
var part = regexp.MustCompile(`[A-Z][a-z0-9]*|^[a-z0-9]+`)

// withPart are the names of the list that have a word as one of their parts, or several after each other; none where the
// word is a name itself.
func withPart(word string, list []string) []string {
	folded := fold(word)
	var out []string
	for _, name := range list {
		if fold(name) == folded {
			return nil
		}
		parts := part.FindAllString(name, -1)
		for i := range parts {
			for j := i + 1; j <= len(parts); j++ {
				if fold(strings.Join(parts[i:j], "")) == folded && !slices.Contains(out, name) {
					out = append(out, name)
				}
			}
		}
	}
	return out
}

var separators = strings.NewReplacer("_", "", "-", "", " ", "")

// fold removes what separates words: mount_options and mount-options are mountOptions.
func fold(word string) string { return strings.ToLower(separators.Replace(word)) }

// edits is the number of letters to insert, remove, replace or swap with their neighbour to turn one word into the
// other (optimal string alignment distance), whatever their case; more than most when it is more than that.
func edits(a, b string, most int) int {
	if max(len(a)-len(b), len(b)-len(a)) > most {
		return most + 1
	}
	// A letter that the other word does not have is at least one edit.
	if bits.OnesCount32(letters(a)&^letters(b)) > most {
		return most + 1
	}
	// Only the last three rows of the table are needed.
	var room [3 * 64]int
	rows := room[:]
	if width := len(b) + 1; 3*width > len(rows) {
		rows = make([]int, 3*width)
	}
	two, one, row := rows[:len(b)+1], rows[len(b)+1:2*len(b)+2], rows[2*len(b)+2:3*len(b)+3]
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		two, one, row = one, row, two
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if lower(a[i-1]) == lower(b[j-1]) {
				cost = 0
			}
			row[j] = min(one[j]+1, row[j-1]+1, one[j-1]+cost)
			if i > 1 && j > 1 && lower(a[i-1]) == lower(b[j-2]) && lower(a[i-2]) == lower(b[j-1]) {
				row[j] = min(row[j], two[j-2]+1)
			}
			least = min(least, row[j])
		}
		// A swap reaches back over one row, and no further.
		if least > most+1 {
			return most + 1
		}
	}
	return row[len(b)]
}

// letters is the set of a word's letters; some that are rare share a place.
func letters(word string) uint32 {
	var set uint32
	for i := range len(word) {
		set |= 1 << (lower(word[i]) & 31)
	}
	return set
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
