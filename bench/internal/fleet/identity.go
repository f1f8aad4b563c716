package fleet

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"pushd/bench/internal/protocol"
)

// Identities says who each client logs in as.
type Identities struct {
	Users     string   // a pattern with one %d for the number, as bench-%d
	Platforms []string // in turn; a user has as many sessions as there are platforms
	HMACKey   []byte   // signs an HS256 token for each user when not empty
	Tokens    []Token  // ready-made, client i uses the i-th
}

// Token is one ready-made token and the user it names.
type Token struct{ User, Token string }

// tokenLife is how long tokens that are signed here are good for: longer than any run.
const tokenLife = 48 * time.Hour

// Check says what is wrong with the identities for n clients.
func (id Identities) Check(n int) error {
	switch {
	case len(id.Platforms) == 0:
		return fmt.Errorf("at least one platform is needed")
	case len(id.HMACKey) > 0 && len(id.Tokens) > 0:
		return fmt.Errorf("a token file and a token key exclude each other")
	case len(id.Tokens) > 0 && len(id.Tokens)*len(id.Platforms) < n:
		return fmt.Errorf("%d tokens on %d platforms are too few for %d connections", len(id.Tokens), len(id.Platforms), n)
	case len(id.Tokens) == 0 && strings.Count(id.Users, "%d") != 1:
		return fmt.Errorf("users pattern %q must have one %%d", id.Users)
	case len(id.HMACKey) > 0 && len(id.HMACKey) < 32:
		return fmt.Errorf("token key has %d bytes: HS256 wants at least 32", len(id.HMACKey))
	}
	return nil
}

// User is the user of client i.
func (id Identities) User(i int) string {
	i /= len(id.Platforms)
	if len(id.Tokens) > 0 {
		return id.Tokens[i].User
	}
	return strings.Replace(id.Users, "%d", fmt.Sprint(i), 1)
}

// Login is client i's login frame.
func (id Identities) Login(i int) ([]byte, error) {
	user, platform := id.User(i), id.Platforms[i%len(id.Platforms)]
	token := ""
	switch {
	case len(id.Tokens) > 0:
		token = id.Tokens[i/len(id.Platforms)].Token
	case len(id.HMACKey) > 0:
		now := time.Now()
		var err error
		token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
			Subject: user, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(tokenLife)),
		}).SignedString(id.HMACKey)
		if err != nil {
			return nil, fmt.Errorf("sign token: %w", err)
		}
	}
	return protocol.Login(user, platform, token)
}

// ReadTokens reads a file with one token a line; its subject is the user. The
// signature isn't checked: that is the server's.
func ReadTokens(name string) ([]Token, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("token file: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	var tokens []Token
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		var claims jwt.RegisteredClaims
		if _, _, err := jwt.NewParser().ParseUnverified(text, &claims); err != nil {
			return nil, fmt.Errorf("token file, token %d: %w", len(tokens)+1, err)
		}
		if claims.Subject == "" {
			return nil, fmt.Errorf("token file, token %d: no subject", len(tokens)+1)
		}
		tokens = append(tokens, Token{claims.Subject, text})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("token file: %w", err)
	}
	if len(tokens) == 0 {
		return nil, fmt.Errorf("token file %s is empty", name)
	}
	return tokens, nil
}
