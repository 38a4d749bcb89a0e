// Judges the public files of a ledger (see make_log.c) with golang.org/x/mod/sumdb, which shares no code with ours.
// Prints what was checked; exits 1 at the first disagreement.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io/ioutil"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var dir string

func check(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "verify: %s: %v\n", what, err)
		os.Exit(1)
	}
}

func demand(good bool, format string, args ...interface{}) {
	if !good {
		check(fmt.Errorf(format, args...), "disagreement")
	}
}

func read(name string) []byte {
	data, err := ioutil.ReadFile(filepath.Join(dir, name))
	check(err, "read")
	return data
}

func hash(text string) tlog.Hash {
	h, err := tlog.ParseHash(text)
	check(err, "hash "+text)
	return h
}

// Three lines: origin, size, root.
func checkpoint(text, origin string) tlog.Tree {
	lines := strings.Split(text, "\n")
	demand(len(lines) == 4 && lines[3] == "", "a checkpoint has three lines, not %q", text)
	demand(lines[0] == origin, "origin %q is not %q", lines[0], origin)
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err, "size")
	return tlog.Tree{N: size, Hash: hash(lines[2])}
}

// Tiles of height 8 from files; theirs are named tile/8/..., those of C2SP tile/...
type tiles struct{}

func (tiles) Height() int { return 8 }
func (tiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, t := range list {
		data := read("tile/" + strings.TrimPrefix(t.Path(), "tile/8/"))
		demand(len(data) == t.W*32, "tile %s has %d bytes", t.Path(), len(data))
		out = append(out, data)
	}
	return out, nil
}
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// note.Verifier for cosignatures: key type 4, u64be time || Ed25519 over "cosignature/v1\ntime T\n" + text.
type witness struct {
	name string
	id   uint32
	key  []byte
	time uint64
}

func newWitness(vkey string) *witness {
	part := strings.SplitN(vkey, "+", 3)
	demand(len(part) == 3, "vkey %q", vkey)
	id, err := strconv.ParseUint(part[1], 16, 32)
	check(err, "vkey id")
	key, err := base64.StdEncoding.DecodeString(part[2])
	check(err, "vkey key")
	demand(len(key) == 33 && key[0] == 4, "vkey type")
	sum := sha256.Sum256([]byte(part[0] + "\n" + string(key)))
	demand(binary.BigEndian.Uint32(sum[:]) == uint32(id), "vkey id")
	return &witness{name: part[0], id: uint32(id), key: key[1:]}
}
func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.id }
func (w *witness) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	w.time = binary.BigEndian.Uint64(sig)
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", w.time, msg)
	return ed25519.Verify(w.key, []byte(signed), sig[8:])
}

// Hashes of all entries and inner nodes, in sumdb's order of storing.
type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		out = append(out, h[i])
	}
	return out, nil
}

// Builds the tree anew from the entries and compares every tile with what sumdb makes of it. Only then the tiles are read
// by sumdb's own reader: the one in Debian 12 leaves some tiles unauthenticated, so it alone would not do.
func checkTiles(tree tlog.Tree) {
	var all hashes
	for first := int64(0); first < tree.N; first += 256 {
		width := tree.N - first
		if width > 256 {
			width = 256
		}
		t := tlog.Tile{H: 8, L: 0, N: first / 256, W: int(width)}
		rest := read("tile/entries/" + strings.TrimPrefix(t.Path(), "tile/8/0/"))
		for i := int64(0); i < width; i++ {
			demand(len(rest) >= 2, "bundle %d is cut", first/256)
			length := int(binary.BigEndian.Uint16(rest))
			demand(len(rest) >= 2+length, "bundle %d is cut", first/256)
			more, err := tlog.StoredHashes(first+i, rest[2:2+length], all)
			check(err, "storing")
			all = append(all, more...)
			rest = rest[2+length:]
		}
		demand(len(rest) == 0, "bundle %d is too long", first/256)
	}
	root, err := tlog.TreeHash(tree.N, all)
	check(err, "root over entries")
	demand(root == tree.Hash, "entries lead to root %s", root)
	count := 0
	for _, t := range tlog.NewTiles(8, 0, tree.N) {
		// It lists partial tiles of every width; a tree has one of each.
		if t.W < 256 && t.N*256+int64(t.W) != tree.N>>uint(8*t.L) {
			continue
		}
		count++
		wanted, err := tlog.ReadTileData(t, all)
		check(err, "tile")
		demand(bytes.Equal(wanted, read("tile/"+strings.TrimPrefix(t.Path(), "tile/8/"))), "tile %s is not what the entries make", t.Path())
	}
	root, err = tlog.TreeHash(tree.N, tlog.TileHashReader(tree, tiles{}))
	check(err, "root over tiles")
	demand(root == tree.Hash, "tiles lead to root %s", root)
	fmt.Printf("%d entries, %d tiles over them and the root agree\n", tree.N, count)
}

func names(folder string) []string {
	list, err := ioutil.ReadDir(filepath.Join(dir, folder))
	check(err, folder)
	var out []string
	for _, info := range list {
		if !strings.HasSuffix(info.Name(), ".entry") {
			out = append(out, info.Name())
		}
	}
	demand(len(out) > 0, "%s is empty", folder)
	return out
}

func checkProofs(known note.Verifiers, origin string, latest tlog.Tree) {
	for _, name := range names("proof") {
		text := string(read("proof/" + name))
		lines := strings.Split(text, "\n")
		demand(len(lines) > 3 && lines[0] == "c2sp.org/tlog-proof@v1", "proof %s has another form", name)
		demand(lines[1] == "index "+name, "proof %s is for %q", name, lines[1])
		index, err := strconv.ParseInt(name, 10, 64)
		check(err, "index")
		proof := tlog.RecordProof{}
		at := 2
		for ; lines[at] != ""; at++ {
			proof = append(proof, hash(lines[at]))
		}
		signed, err := note.Open([]byte(strings.Join(lines[at+1:], "\n")), known)
		check(err, "checkpoint of proof "+name)
		tree := checkpoint(signed.Text, origin)
		demand(tree == latest, "proof %s has another checkpoint", name)
		entry := read("proof/" + name + ".entry")
		check(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)), "proof "+name)
	}
	fmt.Printf("%d inclusion proofs hold\n", len(names("proof")))
}

func checkConsistency(latest tlog.Tree) {
	for _, name := range names("consistency") {
		lines := strings.Split(strings.TrimSuffix(string(read("consistency/"+name)), "\n"), "\n")
		demand(len(lines) >= 2 && lines[0] == name, "consistency %s has another form", name)
		size, err := strconv.ParseInt(lines[0], 10, 64)
		check(err, "size")
		proof := tlog.TreeProof{}
		for _, line := range lines[2:] {
			proof = append(proof, hash(line))
		}
		check(tlog.CheckTree(proof, latest.N, latest.Hash, size, hash(lines[1])), "consistency "+name)
	}
	fmt.Printf("%d consistency proofs hold\n", len(names("consistency")))
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: verify FOLDER")
		os.Exit(2)
	}
	dir = os.Args[1]
	verifier, err := note.NewVerifier(string(bytes.TrimSuffix(read("vkey"), []byte("\n"))))
	check(err, "vkey")
	known := note.VerifierList(verifier)
	signed, err := note.Open(read("checkpoint"), known)
	check(err, "checkpoint")
	tree := checkpoint(signed.Text, verifier.Name())
	fmt.Printf("checkpoint of %s: %d entries\n", verifier.Name(), tree.N)

	w := newWitness(strings.TrimSuffix(string(read("witness.vkey")), "\n"))
	cosigned, err := note.Open(read("cosigned"), note.VerifierList(verifier, w))
	check(err, "cosigned checkpoint")
	demand(len(cosigned.Sigs) == 2 && cosigned.Text == signed.Text, "the cosigned checkpoint has %d good signatures", len(cosigned.Sigs))
	demand(w.time == 1795327556, "the witness says time %d", w.time)

	checkTiles(tree)
	checkProofs(known, verifier.Name(), tree)
	checkConsistency(tree)
}
