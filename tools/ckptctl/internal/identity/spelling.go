package identity

import (
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// Host is the one spelling of a host's name or address, with its port; where it names none, that is the port, or none
// when that is 0.
func Host(text string, port int) string {
	host, own := text, ""
	if name, after, err := net.SplitHostPort(text); err == nil {
		host, own = name, after
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if address, err := netip.ParseAddr(host); err == nil {
		host = address.Unmap().String()
	} else {
		host = strings.TrimSuffix(strings.ToLower(host), ".")
	}
	switch {
	case own != "":
	case port == 0:
		return host
	default:
		own = strconv.Itoa(port)
	}
	return net.JoinHostPort(host, own)
}

// loopback is a host that is every node's own.
var loopback = regexp.MustCompile(`^(localhost|127\.[0-9.]+|::1|\[::1\])(:[0-9]+)?$`)

// Loopback says that a host, as Host spells it, is every node's own.
func Loopback(host string) bool { return loopback.MatchString(host) }

// firstNet is the number of a Lustre network, which may be left out.
var firstNet = regexp.MustCompile(`(@[a-z0-9]*[a-z])0$`)

// NIDs are the addresses of a Lustre server, each in its one spelling.
func NIDs(text string) []string {
	out := strings.Split(strings.ToLower(text), ",")
	for i, nid := range out {
		out[i] = firstNet.ReplaceAllString(nid, "$1")
	}
	return out
}
