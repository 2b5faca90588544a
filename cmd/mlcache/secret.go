package main

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"
	"unicode"

	"github.com/alecthomas/kong"
)

// hidden is a setting that holds a password or a token. However it is printed or
// logged, it shows nothing of itself; string(s) is the value.
type hidden string

var _ encoding.TextMarshaler = hidden("")

const masked = "***"

// Format prints it by any verb of fmt.
func (s hidden) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, s.shown()) }

// MarshalText is what slog and encoding/json write.
func (s hidden) MarshalText() ([]byte, error) { return []byte(s.shown()), nil }

// shown tells only whether there is a value.
func (s hidden) shown() string {
	if s == "" {
		return ""
	}
	return masked
}

// hiddenSetting reads one. Errors of kong's own mapper quote the next
// argument, which may be the secret when it begins with a dash.
func hiddenSetting(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("string", &text); err != nil {
		return errors.New("a value is missing; one that begins with a dash is given by the environment variable, or after an equals sign")
	}
	target.SetString(text)
	return nil
}

var (
	// harmless matches errors about what kong does not know where that is most
	// likely a misspelt name.
	harmless = regexp.MustCompile(`^un\w+ (argument [a-zA-Z-]+|flag --?[a-z0-9-]+)(, did you mean .*)?$`)
	// userinfo is the part of a URL where the password is.
	userinfo = regexp.MustCompile(`//.*@`)
)

// withoutSecrets makes an error of kong's fit to be printed. An argument that is
// not expected may be a secret: MLCACHE_TOKEN=… where a variable is not read, or
// what a space cut off its flag.
func withoutSecrets(err error) error {
	text := err.Error()
	if strings.HasPrefix(text, "un") && !harmless.MatchString(text) {
		kind, _, _ := strings.Cut(text, " ")
		what, _, _ := strings.Cut(strings.TrimPrefix(text, kind+" "), " ")
		return fmt.Errorf("%s %s (not shown, as it may hold a secret); see mlcache help", kind, what)
	}
	return errors.New(userinfo.ReplaceAllString(text, "//"+masked+"@"))
}

const (
	// maxTokenBytes is far above any token. A file that is larger is another file.
	maxTokenBytes = 4 << 10
	// minTokenBytes is below which a token is so short that it may be guessed.
	minTokenBytes = 16
)

// readTokens replaces the tokens by what their files hold, if there are such.
func (c *Config) readTokens() (err error) {
	if c.Token, err = readToken("token", c.Token, c.TokenFile); err != nil {
		return err
	}
	c.ReadToken, err = readToken("read-token", c.ReadToken, c.ReadTokenFile)
	return err
}

// readToken returns the token that a flag or a file says, without the white space
// around it.
func readToken(flag string, token hidden, file string) (hidden, error) {
	switch {
	case token != "" && file != "":
		return "", refused(flag+"-file", fmt.Errorf("%w, want one of them", settingError{flag, errors.New("is set as well")}))
	case file != "":
		text, err := readSmall(file)
		if err != nil {
			return "", refused(flag+"-file", fmt.Errorf("the file cannot be read: %w", err))
		}
		flag, token = flag+"-file", hidden(text)
	case token == "":
		return "", nil
	}
	token, err := trimmed(token)
	if err != nil {
		return "", refused(flag, err)
	}
	return token, nil
}

// trimmed returns a token without the white space around it.
func trimmed(token hidden) (hidden, error) {
	token = hidden(strings.TrimSpace(string(token)))
	switch {
	case token == "":
		return "", errors.New("the token is blank, want at least one visible character")
	case strings.ContainsFunc(string(token), func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return "", errors.New("the token has white space or control characters in it, want visible characters only")
	}
	return token, nil
}

// readSmall reads a file. The error does not name it: a name may be the token, set
// to the wrong variable.
func readSmall(name string) (string, error) {
	f, err := os.Open(name)
	if err == nil {
		defer f.Close()
		var text []byte
		if text, err = io.ReadAll(io.LimitReader(f, maxTokenBytes+1)); err == nil && len(text) <= maxTokenBytes {
			return string(text), nil
		}
	}
	var quoting *os.PathError
	switch {
	case errors.As(err, &quoting):
		return "", quoting.Err
	case err == nil:
		return "", fmt.Errorf("it has more than %d bytes", maxTokenBytes)
	}
	return "", err
}
