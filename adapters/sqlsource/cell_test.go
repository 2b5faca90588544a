package sqlsource

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNumbersKeepTheirDigits(t *testing.T) {
	for given, want := range map[string]string{
		"0": "0", "-0": "-0", "12": "12", "-1.50": "-1.50", "1e+20": "1e+20", "123456789012345678901234567890.0123": "123456789012345678901234567890.0123",
		".5": "0.5", "-.5": "-0.5", "007": "7", "-00.10": "-0.10", "5.": "5", "00": "0",
		"NaN": `"NaN"`, "-Infinity": `"-Infinity"`, "": `""`, "-": `"-"`, "0x1": `"0x1"`, " 1": `" 1"`, "1 ": `"1 "`, "true": `"true"`, "1 2": `"1 2"`,
	} {
		require.Equal(t, want, string(number([]byte(given)).appendJSON(nil)), given)
	}
}

func TestFloatsAreAsShortAsTheyCanBe(t *testing.T) {
	for given, want := range map[float64]string{
		0.1: "0.1", 1: "1", -2.5: "-2.5", 1e20: "100000000000000000000", 1e21: "1e+21", 1e-7: "1e-7", 1e-10: "1e-10", math.MaxFloat64: "1.7976931348623157e+308",
		math.Inf(1): `"Infinity"`, math.Inf(-1): `"-Infinity"`,
	} {
		require.Equal(t, want, string(float(given, 64).appendJSON(nil)))
	}
	require.Equal(t, "0.1", string(plain(float32(0.1)).appendJSON(nil)))
	require.Equal(t, `"NaN"`, string(plain(math.NaN()).appendJSON(nil)))
}

func TestTheGoTypesOfDriversAsJSON(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.FixedZone("", 3600))
	for _, c := range []struct {
		v    any
		want string
	}{
		{nil, "null"}, {int64(math.MinInt64), "-9223372036854775808"}, {uint64(math.MaxUint64), "18446744073709551615"}, {true, "true"},
		{at, `"2026-01-02T03:04:05.123456789+01:00"`}, {"<é\u2028", "\"<é\u2028\""}, {[]byte{0, 255}, `"AP8="`},
	} {
		got, err := plain(c.v).compact()
		require.NoError(t, err)
		require.Equal(t, c.want, string(got.appendJSON(nil)))
	}
	_, err := plain(struct{}{}).compact()
	require.ErrorIs(t, err, errCell)
}

func TestArraysOfPostgreSQLAsJSON(t *testing.T) {
	for given, want := range map[string]string{
		"{}": "[]", "{1,2}": `["1","2"]`, "{NULL,null,\"NULL\"}": `[null,null,"NULL"]`, `{"a b","\"\\",""}`: `["a b","\"\\",""]`,
		"{{1,2},{3,4}}": `[["1","2"],["3","4"]]`, "[0:1]={1,2}": `["1","2"]`, "[1:1][-2:-1]={{1,2}}": `[["1","2"]]`, "{a b}": `["a b"]`,
	} {
		c := array([]byte(given), ',', func(s []byte) cell { return cell{text, s} })
		require.Equal(t, want, string(c.data), given)
	}
	for _, given := range []string{"", "{", "}", "{,}", "{1,}", "{1}x", `{"a`, `{"a\`, "[0:1]", "{{{{{{{1}}}}}}}", "{1{2}}", "1", "{\xff}"} {
		require.Equal(t, unreadable, array([]byte(given), ',', func(s []byte) cell { return cell{text, s} }).kind, given)
	}
	require.Equal(t, `{"a","b c","\"\\","NULL",""}`, arrayOf([]string{"a", "b c", `"\`, "NULL", ""}))
	require.Equal(t, "{}", arrayOf(nil))
}

func FuzzAnArrayIsReadAsItIsWritten(f *testing.F) {
	f.Add("a", `"\`, "NULL", "{1,2}")
	f.Fuzz(func(t *testing.T, a, b, c, any string) {
		items := []string{a, b, c}
		want, err := json.Marshal(items)
		require.NoError(t, err)
		got := array([]byte(arrayOf(items)), ',', func(s []byte) cell { return cell{text, s} })
		if one, err := (cell{text, []byte(a + b + c)}).compact(); err == nil {
			require.Equal(t, literal, got.kind, one)
			require.JSONEq(t, string(want), string(got.data))
		}
		if got := array([]byte(any), ',', number); got.kind == literal {
			require.True(t, json.Valid(got.data), "%s", got.data)
		}
	})
}

func FuzzCellsAreJSONOfTheLengthThatTheySay(f *testing.F) {
	f.Add([]byte("a\"\x01é"), uint8(text))
	f.Add([]byte(`{"a": 1}`), uint8(document))
	f.Add([]byte("-00.5"), uint8(literal))
	f.Add([]byte{0, 255}, uint8(blob))
	f.Fuzz(func(t *testing.T, data []byte, k uint8) {
		c := cell{kind(k) % (unreadable + 1), data}
		if c.kind == literal {
			c = number(data)
		}
		c, err := c.compact()
		if err != nil {
			return
		}
		out := c.appendJSON(nil)
		require.True(t, json.Valid(out), "%s", out)
		require.Equal(t, len(out), c.jsonLen())
	})
}

func TestTypesOfPostgreSQLAsJSON(t *testing.T) {
	for _, c := range []struct {
		oid         uint32
		given, want string
	}{
		{16, "t", "true"}, {16, "f", "false"}, {20, "-9223372036854775808", "-9223372036854775808"},
		{1700, "0.10000000000000000000000000000000001", "0.10000000000000000000000000000000001"}, {1700, "NaN", `"NaN"`},
		{701, "1e-10", "1e-10"}, {701, "-Infinity", `"-Infinity"`}, {700, "0.1", "0.1"},
		{25, "a\"b", `"a\"b"`}, {114, ` {"a" : 1.0 } `, `{"a":1.0}`}, {3802, "null", "null"},
		{17, `\x00ff`, `"AP8="`}, {17, `a\\\000`, `"YVwA"`}, {2950, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", `"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"`},
		{1114, "2026-01-02 03:04:05.123456", `"2026-01-02T03:04:05.123456Z"`}, {1114, "infinity", `"infinity"`}, {1114, "0044-03-15 00:00:00 BC", `"0044-03-15 00:00:00 BC"`},
		{1184, "2026-01-02 03:04:05.5+00", `"2026-01-02T03:04:05.5Z"`}, {1184, "2026-01-02 03:04:05+05:30", `"2026-01-01T21:34:05Z"`}, {1184, "1890-01-02 03:04:05+00:53:28", `"1890-01-02T02:10:37Z"`},
		{1082, "2026-01-02", `"2026-01-02"`}, {1083, "03:04:05", `"03:04:05"`}, {1186, "1 day 02:00:00", `"1 day 02:00:00"`},
		{1007, "{1,NULL,3}", "[1,null,3]"}, {1231, "{0.10,NaN}", `[0.10,"NaN"]`}, {1009, `{a,"b,\"c"}`, `["a","b,\"c"]`}, {1000, "{t,f}", "[true,false]"},
		{1185, `{"2026-01-02 03:04:05+00"}`, `["2026-01-02T03:04:05Z"]`}, {3807, `{"{\"a\": 1}"}`, `[{"a":1}]`}, {1001, `{"\\x00ff"}`, `["AP8="]`},
		{1020, "{(1,1),(0,0);(2,2),(1,1)}", `["(1,1),(0,0)","(2,2),(1,1)"]`}, {99999, "user's own", `"user's own"`},
	} {
		got, err := pgConverter(c.oid)([]byte(c.given)).compact()
		require.NoError(t, err, c.given)
		require.Equal(t, c.want, string(got.appendJSON(nil)), "%d", c.oid)
	}
	for oid, given := range map[uint32]string{17: `\x0`, 1007: "{1", 114: "{"} {
		_, err := pgConverter(oid)([]byte(given)).compact()
		require.Error(t, err, given)
	}
}
