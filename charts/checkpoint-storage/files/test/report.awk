# Prints the table of what was checked, and fails when something is missing. Input: the operations, the mounts, and what
# the pods saw (operation|yes, no or untested|how or why).

function row(what, seen, wanted, declared) {
	rows++
	cell[rows, 1] = what; cell[rows, 2] = seen; cell[rows, 3] = wanted; cell[rows, 4] = declared
}

function note(word, text) { notes = notes word ": " text "\n" }

function fail(text) { failed = 1; note("FAILED", text) }

function human(n,    unit) {
	for (unit = 1; n >= 1024 && unit < 6; unit++) n /= 1024
	return sprintf(unit == 1 ? "%d%s" : "%.1f%s", n, substr("B  KiBMiBGiBTiBPiB", unit * 3 - 2, unit == 1 ? 1 : 3))
}

# judge makes the row of an operation.
function judge(name, title, declared, wanted) {
	seen = state[name] == "" ? "untested" : state[name]
	row(title, seen (seen == "yes" && how[name] != "" ? ", " how[name] : ""), wanted, declared)
	why = how[name] == "" ? "afterwards the files are not what they should be" : how[name]
	if (seen == "no" && wanted != "-")
		fail(wanted " must be able to " title ", and this mount cannot: " why)
	else if (seen == "no" && declared == "yes")
		fail("the backend should be able to " title ", and this mount cannot: " why)
	else if (seen == "untested" && wanted != "-")
		note("ATTENTION", "could not try to " title "; the test cannot do it here")
}

function options(    n, i, list, option, missing) {
	n = split(asked, list, " ")
	if (n == 0) return "none asked for"
	if (type ~ /^fuse/) return "not shown by FUSE"
	for (i = 1; i <= n; i++) {
		option = list[i]
		# The kernel calls it so; the others are for mount(8) alone.
		sub(/^nfsvers=/, "vers=", option)
		if (option ~ /^(defaults|_netdev|nofail|x-.*)$/) continue
		if (index("," inforce ",", "," option ",") == 0) missing = missing " " list[i]
	}
	if (missing == "") return "all in force"
	note("ATTENTION", "mount options that are not in force:" missing ". Another mount of the same server on that node may have set its own first")
	return "not in force:" missing
}

BEGIN { FS = "|" }

FILENAME ~ /operations$/ { order[++count] = $1; says[$1] = $2; wants[$1] = $3; words[$1] = $4; next }

FILENAME ~ /mountinfo$/ {
	split($0, half, " - ")
	n = split(half[1], field, " ")
	if (field[5] != mount) next
	split(half[2], rest, " ")
	type = rest[1]; source = rest[2]; inforce = field[6] "," rest[3]
	next
}

# The worst that anybody saw.
state[$1] != "no" { state[$1] = $2; how[$1] = $3 }

END {
	row("CHECKED", "SEEN", "WANTED BY", "DECLARED")
	row("write " (meeting == "after" ? 4 : 8) " shards at once", "yes", "all", "-")
	judge("reread", "read the other pod's shards", "-", "all")
	for (i = 1; i <= count; i++) {
		name = order[i]
		judge(name, words[name], says[name], wants[name])
	}
	pointer = wants["visible"] != "-" && (wants["overwrite"] != "-" || wants["renameReplace"] != "-")
	judge("rewritten", "see another pod's rewritten file", "-", pointer ? wants["visible"] : "-")
	if (how["visible"] ~ /^after/ && substr(how["visible"], 7) + 0 > 5)
		note("ATTENTION", "a file is seen by other pods only " how["visible"] ": a rank that waits for one waits as long. On NFS, the mount option lookupcache=positive helps")

	n = split(space, df, " ")
	row("free space", human(df[n - 2] * 1024) " of " human(df[n - 4] * 1024), "size " size, "-")
	if (df[n - 4] * 1024 < bytes(size))
		note("ATTENTION", "size is " size ", and the file system behind the claim has " human(df[n - 4] * 1024) " in all")
	row("mount options", options(), asked == "" ? "-" : asked, "-")
	row("nodes", first == second ? "1" : "2", meeting == "spread" ? "2" : "1", "-")
	if (meeting == "spread" && first == second)
		note("ATTENTION", "both pods ran on node " first ": what another node would see was not tried")

	print "claim " claim ": " type " " source ", " inforce
	print "pods on nodes " first " and " second
	print ""
	for (r = 1; r <= rows; r++)
		for (c = 1; c <= 4; c++)
			if (length(cell[r, c]) > width[c]) width[c] = length(cell[r, c])
	for (r = 1; r <= rows; r++)
		printf "%-" width[1] "s  %-" width[2] "s  %-" width[3] "s  %s\n", cell[r, 1], cell[r, 2], cell[r, 3], cell[r, 4]
	print ""
	printf "%s", notes
	print failed ? "the claim cannot serve" : "the claim can serve"
	exit failed
}
