package schema

import "strings"

// Nearest returns the word of the list that somebody who wrote this one may have meant, or "".
func Nearest(word string, list []string) string { return nearest(word, list, nil) }

// nearest returns the word of the list that somebody who wrote this one may have meant, or "". Words that taken holds
// are there already and were not meant.
func nearest(word string, list []string, taken map[string]any) string {
	best, distance := "", max(1, len(word)/3)
	folded := fold(word)
	for _, candidate := range list {
		if _, there := taken[candidate]; there {
			continue
		}
		if strings.EqualFold(word, candidate) || folded == fold(candidate) {
			return candidate
		}
		if d := edits(strings.ToLower(word), strings.ToLower(candidate)); d < distance || d == distance && best == "" && d < len(candidate) {
			best, distance = candidate, d
		}
	}
	return best
}

var separators = strings.NewReplacer("_", "", "-", "", " ", "")

// fold removes what separates words: mount_options and mount-options are mountOptions.
func fold(word string) string { return strings.ToLower(separators.Replace(word)) }

// edits is the number of letters to insert, remove, replace or swap with their neighbour to turn one word into the
// other (optimal string alignment distance).
func edits(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
