// Package commits tests the check of new commits on repositories made for it.
package commits

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repo is a repository of one Go module, with the check in it.
type repo struct {
	t   *testing.T
	dir string
}

func newRepo(t *testing.T) *repo {
	t.Helper()
	r := &repo{t, t.TempDir()}
	script, err := os.ReadFile("check.sh")
	if err != nil {
		t.Fatal(err)
	}
	r.git("init", "--quiet", "--initial-branch=main")
	r.write("go.mod", "module made.up/repo\n\ngo 1.24\n")
	r.write("scripts/commits/check.sh", string(script))
	r.commit("an older commit that no rule holds for.")
	r.write("scripts/commits/after", r.git("rev-parse", "HEAD"))
	return r
}

func (r *repo) git(args ...string) string {
	r.t.Helper()
	out, err := r.run(nil, "git", append([]string{"-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"}, args...)...)
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", args, err, out)
	}
	return out
}

func (r *repo) run(env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = r.dir
	// Not the settings of whoever runs the tests, from a hook perhaps.
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "GIT_") && !strings.HasPrefix(setting, "COMMITS_") {
			cmd.Env = append(cmd.Env, setting)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (r *repo) write(name, text string) {
	r.t.Helper()
	name = filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		r.t.Fatal(err)
	}
}

func (r *repo) commit(message string) {
	r.t.Helper()
	r.git("add", "--all")
	r.git("commit", "--quiet", "--allow-empty", "--message", message)
}

// check runs the check, which must end so and say all of this.
func (r *repo) check(env []string, passes bool, says ...string) {
	r.t.Helper()
	out, err := r.run(env, "bash", "scripts/commits/check.sh")
	if (err == nil) != passes {
		r.t.Errorf("ended with %v:\n%s", err, out)
	}
	for _, text := range says {
		if !strings.Contains(out, text) {
			r.t.Errorf("it doesn't say %q:\n%s", text, out)
		}
	}
	if list := r.git("worktree", "list"); strings.Count(list, "\n") != 1 {
		r.t.Errorf("worktrees are left behind:\n%s", list)
	}
}

const (
	sound  = "package repo\n\n// One is one.\nconst One = 1\n"
	broken = "package repo\n\nconst One = two\n"
	vetted = "package repo\n\nimport \"fmt\"\n\nfunc f() { fmt.Printf(\"%d\", \"one\") }\n"
)

func TestEachCommitIsChecked(t *testing.T) {
	long := "package repo\n" + strings.Repeat("// Much.\n", 40)
	for _, test := range []struct {
		name, text, message string
		says                string // "": it passes
		builds              bool   // what is wrong shows only then
	}{
		{"sound", sound, "repo: one is one\n\nNothing was before.", "", false},
		{"small, without a body", sound, "repo: one is one", "", false},
		{"large, with a body", long, "repo: much\n\nIt was too little.", "", false},
		{"large, without a body", long, "repo: much", "no body that says why", false},
		{"large, with a trailer alone", long, "repo: much\n\nCo-authored-by: Y <y@example.org>", "no body that says why", false},
		{"it doesn't build", broken, "repo: two is two", "does not build", true},
		{"it doesn't pass go vet", vetted, "repo: f", "does not build", true},
		{"work in progress", sound, "WIP", "work in progress", false},
		{"to be squashed", sound, "fixup! repo: one", "work in progress", false},
		{"after the linter", sound, "repo: what the linter found", "work in progress", false},
		{"about nothing", sound, "one is one", "what it is about", false},
		{"a full stop", sound, "repo: one is one.", "full stop", false},
		{"a long first line", sound, "repo: " + strings.Repeat("one ", 40), "more than 100", false},
		{"a first line that goes on", sound, "repo: one\nis one", "second line", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			r.write("one.go", test.text)
			r.commit(test.message)
			r.write("one.go", sound)
			r.commit("repo: the tip is sound\n\nIt always is.")
			says, env := test.says, []string(nil)
			if says == "" {
				says = "2 new commits are as"
			} else if !test.builds {
				env = []string{"COMMITS_MOST=0"} // its message is enough
			}
			r.check(env, test.says == "", says)
		})
	}
}

func TestAMergeIsRefused(t *testing.T) {
	r := newRepo(t)
	r.git("checkout", "--quiet", "-b", "other")
	r.commit("repo: there")
	r.git("checkout", "--quiet", "main")
	r.commit("repo: here")
	r.git("merge", "--quiet", "--no-ff", "--message", "repo: both", "other")
	r.check(nil, false, "it is a merge")
}

func TestWhatIsNew(t *testing.T) {
	r := newRepo(t)
	r.write("one.go", broken)
	r.commit("repo: broken")
	r.write("one.go", sound)
	r.commit("repo: mended")
	base := strings.TrimSpace(r.git("rev-parse", "HEAD"))
	r.check(nil, false, "2 of 2 built")
	r.git("update-ref", "refs/remotes/origin/main", "HEAD")
	r.check(nil, false, "2 of 2 built") // a clone of main: since the marker
	r.commit("repo: three")
	r.check(nil, true, "1 of 1 built") // beyond origin/main
	r.commit("repo: four")
	r.check([]string{"COMMITS_BASE=HEAD~1"}, true, "1 of 1 built")
	r.check([]string{"COMMITS_BASE=" + base}, true, "2 of 2 built")
	r.check([]string{"COMMITS_BASE=nothing"}, false, "names no commit")
	r.check([]string{"COMMITS_BASE=HEAD"}, true, "0 new commits")
	r.check([]string{"COMMITS_MOST=1"}, true, "1 of 2 built", "the 1 oldest were not built")
	r.check([]string{"COMMITS_SECONDS=0"}, true, "0 s are over", "the 2 oldest were not built")
	r.write("scripts/commits/after", strings.Repeat("1", 40)) // as in a shallow clone
	r.check(nil, true, "2 of 2 built")
}
