package report

import (
	"encoding/xml"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// node is an element of XML.
type node struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Children []node     `xml:",any"`
	Text     string     `xml:",chardata"`
}

func (n node) attr(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// find returns the children of a name, also those inside the wrappers that an XSD puts around them.
func (n node) find(name string) []node {
	var out []node
	for _, child := range n.Children {
		switch child.XMLName.Local {
		case name:
			out = append(out, child)
		case "complexType", "complexContent", "simpleContent", "extension":
			out = append(out, child.find(name)...)
		}
	}
	return out
}

// xsd judges by as much of XML Schema as the schema of JUnit uses: elements in sequence, choices of one, attributes,
// and types that extend others.
type xsd struct {
	types map[string]node
	roots map[string]node
}

func readXSD(t *testing.T, file string) xsd {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var schema node
	require.NoError(t, xml.Unmarshal(text, &schema))
	x := xsd{types: map[string]node{}, roots: map[string]node{}}
	for _, child := range schema.Children {
		switch child.XMLName.Local {
		case "complexType":
			x.types[child.attr("name")] = child
		case "element":
			x.roots[child.attr("name")] = child
		}
	}
	return x
}

func (x xsd) check(t *testing.T, text string) {
	t.Helper()
	assert.Empty(t, x.wrong(t, text), text)
}

// wrong lists what the schema does not allow.
func (x xsd) wrong(t *testing.T, text string) []string {
	t.Helper()
	var document node
	require.NoError(t, xml.Unmarshal([]byte(text), &document))
	root, ok := x.roots[document.XMLName.Local]
	if !ok {
		return []string{"no root " + document.XMLName.Local}
	}
	return x.element(document, root)
}

// parts are what a definition and the types that it extends say.
func (x xsd) parts(definition node, name string) []node {
	var out []node
	for _, extension := range definition.find("extension") {
		if base, ok := x.types[extension.attr("base")]; ok {
			out = append(out, x.parts(base, name)...)
		}
	}
	if named, ok := x.types[definition.attr("type")]; ok {
		out = append(out, x.parts(named, name)...)
	}
	for _, wrapper := range append([]node{definition}, definition.find("extension")...) {
		for _, child := range wrapper.find(name) {
			if wrapper.XMLName.Local == "extension" || len(definition.find("extension")) == 0 {
				out = append(out, child)
			}
		}
	}
	return out
}

func (x xsd) element(n, definition node) []string {
	var out []string
	known := map[string]bool{}
	for _, attribute := range x.parts(definition, "attribute") {
		name := attribute.attr("name")
		known[name] = true
		if attribute.attr("use") == "required" && n.attr(name) == "" {
			out = append(out, fmt.Sprintf("%s has no %s", n.XMLName.Local, name))
		}
	}
	for _, a := range n.Attrs {
		if !known[a.Name.Local] {
			out = append(out, fmt.Sprintf("%s has an unknown %s", n.XMLName.Local, a.Name.Local))
		}
	}
	rest := n.Children
	for _, sequence := range x.parts(definition, "sequence") {
		for _, child := range sequence.find("element") {
			count := 0
			for len(rest) > 0 && rest[0].XMLName.Local == child.attr("name") {
				out = append(out, x.element(rest[0], child)...)
				rest = rest[1:]
				count++
			}
			if count == 0 && child.attr("minOccurs") != "0" || count > 1 && child.attr("maxOccurs") != "unbounded" {
				out = append(out, fmt.Sprintf("%s has %d of %s", n.XMLName.Local, count, child.attr("name")))
			}
		}
	}
	for _, choice := range x.parts(definition, "choice") {
		for _, child := range choice.find("element") {
			if len(rest) > 0 && rest[0].XMLName.Local == child.attr("name") {
				out = append(out, x.element(rest[0], child)...)
				rest = rest[1:]
				break
			}
		}
	}
	if len(rest) > 0 {
		out = append(out, fmt.Sprintf("%s has a %s too many", n.XMLName.Local, rest[0].XMLName.Local))
	}
	if len(n.Children) > 0 && strings.TrimSpace(n.Text) != "" {
		out = append(out, n.XMLName.Local+" has text between its elements")
	}
	return out
}
