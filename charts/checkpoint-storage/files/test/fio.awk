# Prints what fio measured. Input: fio's JSON of the runs write, read and fsync, in which a line holds one key; every rank
# is an element of jobs.

function fail(text) { print "FAILED: " text; failed = 1; exit }

# phase takes the ranks together: all are done when the slowest is.
function phase(name,    rank, slowest, total, speed) {
	for (rank = 1; rank <= ranks[name]; rank++) {
		total += got[name, rank, name ".io_bytes"]
		if (got[name, rank, name ".runtime"] > slowest) {
			slowest = got[name, rank, name ".runtime"]
			speed = got[name, rank, name ".io_bytes"] / slowest
		}
	}
	if (total == 0 || slowest == 0) fail("fio has no figures for " name)
	# Bytes in a millisecond to gigabytes in a second.
	rate = total / slowest / 1000000
	printf "%-6s %8.3f GB/s   %d ranks, %.1f MB each; the slowest took %.1f s at %.3f GB/s\n", \
		name, rate, ranks[name], total / ranks[name] / 1000000, slowest / 1000, speed / 1000000
	return rate
}

FNR == 1 { depth = 0; run++; name = run == 1 ? "write" : run == 2 ? "read" : "fsync" }

{
	key = $0
	if (!sub(/^ *"/, "", key) || !sub(/".*$/, "", key)) key = ""
	value = $0
	sub(/^[^:]*: */, "", value)
	gsub(/[",]/, "", value)
}

# What is in braces inside of an element of jobs has its keys' names before its own.
/[{[]$/ {
	stack[++depth] = key
	if (depth == 3 && stack[2] == "jobs") ranks[name]++
	next
}
/^ *[]}],?$/ { depth--; next }
depth >= 3 && stack[2] == "jobs" {
	path = ""
	for (i = 4; i <= depth; i++) path = path stack[i] "."
	got[name, ranks[name], path key] = value
}

END {
	if (failed) exit 1
	print "pods on nodes " first " (writes) and " second " (reads)"
	written = phase("write")
	if (!failed) read = phase("read")
	if (failed) exit 1
	printf "%-6s p50 %.2f ms, p99 %.2f ms   after each of %d blocks of 4 KiB\n", "fsync", \
		got["fsync", 1, "sync.lat_ns.percentile.50.000000"] / 1000000, \
		got["fsync", 1, "sync.lat_ns.percentile.99.000000"] / 1000000, got["fsync", 1, "sync.total_ios"]
	printf "a checkpoint of %s: saved in %.1f s, read in %.1f s, at these rates from one node\n", \
		checkpoint, bytes(checkpoint) / written / 1000000000, bytes(checkpoint) / read / 1000000000
	if (first == second)
		print "ATTENTION: one node wrote and read; what it still had in memory makes reading look faster"
}
