package config

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"

	"pushd/internal/poller"
)

// The rules check a text and return it in the form the server compares with. The
// error says what is accepted.

func parseDirectory(text string) (string, error) {
	if text == "" {
		return "", errors.New("accepted is the path of a directory")
	}
	return text, nil
}

func parseAddress(text string) (string, error) {
	accepted := errors.New("accepted is HOST:PORT, such as :8089, 127.0.0.1:8089 or [::1]:8089")
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", accepted
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return "", errors.New("accepted is a port from 0 to 65535 after the colon")
	}
	if strings.ContainsAny(host, "/ ") {
		return "", accepted
	}
	return text, nil
}

func parseURLPath(text string) (string, error) {
	if !strings.HasPrefix(text, "/") || path.Clean(text) != text || strings.ContainsAny(text, "?#% \t\r\n\\\"") {
		return "", errors.New("accepted is an absolute path such as /ws, without query or escapes")
	}
	return text, nil
}

// parseOrigin brings an origin into the form in which browsers send it (RFC
// 6454, section 6.2): lower case, without the scheme's default port.
func parseOrigin(text string) (string, error) {
	if text == poller.SameOrigin {
		return text, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme == "" || u.User != nil || u.Path != "" ||
		u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.ContainsAny(u.Host, "*, ") {
		return "", errors.New("accepted is same, or exactly scheme://host[:port] such as " +
			"https://chat.example.com; no path, no wildcard")
	}
	host := strings.ToLower(u.Host)
	switch {
	case u.Scheme == "http":
		host = strings.TrimSuffix(host, ":80")
	case u.Scheme == "https":
		host = strings.TrimSuffix(host, ":443")
	}
	return strings.ToLower(u.Scheme) + "://" + host, nil
}

// parseNode keeps node names to what labels, log fields and subjects carry
// without quoting.
func parseNode(text string) (string, error) {
	if len(text) > 64 {
		return "", errors.New("accepted is at most 64 characters")
	}
	for _, r := range text {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", r) {
			return "", errors.New("accepted are letters, digits, dot, underscore and hyphen")
		}
	}
	return text, nil
}

func parseJWKS(text string) (string, error) {
	if !strings.Contains(text, "://") {
		return strings.TrimPrefix(text, "@"), nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return "", errors.New("accepted is a file, or an address that begins with https:// or http:// and holds " +
			"no user or password")
	}
	return text, nil
}

func parseWebhook(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", errors.New("accepted is an address that begins with https:// or http:// and holds no user, " +
			"password or fragment")
	}
	return text, nil
}

// parsePrefix reads a CIDR range, or one address as the range of itself.
func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, errors.New("accepted is an address or a range such as 10.0.0.0/8")
	}
	return prefix.Masked(), nil
}
