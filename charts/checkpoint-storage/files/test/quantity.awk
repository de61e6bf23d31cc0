# bytes reads a Kubernetes quantity. Not every busybox can do powers.
function bytes(quantity,    unit, factor, power) {
	unit = quantity
	gsub(/[0-9.]/, "", unit)
	factor = unit ~ /i$/ ? 1024 : 1000
	quantity += 0
	for (power = index("KMGTPE", toupper(substr(unit, 1, 1))); unit != "" && power > 0; power--) quantity *= factor
	return quantity
}

# By itself: awk -v print_bytes=10Gi -f quantity.awk
BEGIN {
	if (print_bytes != "") {
		printf "%.0f", bytes(print_bytes)
		exit
	}
}
