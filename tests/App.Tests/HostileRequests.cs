using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using NetVips;

namespace MeshFromFaces.App.Tests;

/// <summary>Bytes for the server's port, and how they are sent.</summary>
/// <param name="Kind">For the message when it goes wrong.</param>
/// <param name="Pause">Between the last bytes and the rest of the body, which comes drop by drop; zero sends all at once.</param>
internal sealed record HostileRequest(string Kind, byte[] Bytes, TimeSpan Pause = default);

/// <summary>Requests that nobody of good will sends, always the same ones for the same seed.</summary>
internal sealed class HostileRequests(int seed, Uri server, string token)
{
    private const string Boundary = "0123456789";

    private static readonly byte[][] Pictures = MakePictures();

    private readonly Random _random = new(seed);

    /// <summary>One of each kind in turn, until there are enough.</summary>
    public IEnumerable<HostileRequest> Take(int count)
    {
        Func<HostileRequest>[] kinds =
        [
            CutPicture, MutatedPicture, MutatedPicture, LyingPicture, LyingLength, DeepJson, HugeOptions, OddOptions, BadName, BadToken, ForeignSite,
            BrokenMultipart, BadPath, BadHead, Noise, SlowBody,
        ];
        return Enumerable.Range(0, count).Select(i => kinds[i % kinds.Length]());
    }

    private HostileRequest CutPicture()
    {
        byte[] picture = Pick(Pictures);
        return new("cut picture", Post(Part("images", "cut.jpg", picture[.._random.Next(picture.Length)])));
    }

    private HostileRequest MutatedPicture()
    {
        byte[] picture = [.. Pick(Pictures)];
        // Half of the hits go to the head, where the sizes, tables and offsets are.
        for (int hit = _random.Next(1, 30); hit > 0; hit--)
        {
            int place = _random.Next(2) == 0 ? _random.Next(Math.Min(300, picture.Length)) : _random.Next(picture.Length);
            picture[place] = (byte)_random.Next(256);
        }
        return new("mutated picture", Post(Part("images", "mutated.png", picture)));
    }

    private HostileRequest LyingPicture()
    {
        byte[] png = _random.Next(2) == 0 ? TestPhotos.Png(Side(), Side()) : [.. Pictures[0]];
        if (png[0] == 0xFF)
        {
            // JPEG's frame header: marker, length 2, precision 1, height 2, width 2.
            int frame = png.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC0]);
            BinaryPrimitives.WriteUInt16BigEndian(png.AsSpan(frame + 5), (ushort)_random.Next(65536));
            BinaryPrimitives.WriteUInt16BigEndian(png.AsSpan(frame + 7), (ushort)_random.Next(65536));
        }
        return new("picture that lies about its size", Post(Part("images", "large.png", png)));

        int Side() => Pick([0, 1, 127, 128, 19_999, 20_000, 65_535, 1 << 24, int.MaxValue, -1]);
    }

    private HostileRequest LyingLength()
    {
        byte[] body = Body(Part("images", "ramp.jpg", Pictures[0]));
        string length = Pick(
        [
            (body.Length + _random.Next(1, 5000)).ToString(CultureInfo.InvariantCulture), _random.Next(body.Length).ToString(CultureInfo.InvariantCulture),
            "-1", "0", "99999999999999999999", long.MaxValue.ToString(CultureInfo.InvariantCulture), "1e3", "0x10", "", "5, 6", "2000000",
        ]);
        string more = Pick(["", "", "", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip\r\n", "Content-Length: 7\r\n", "Expect: 100-continue\r\n", "Content-Encoding: gzip\r\n"]);
        return new("length that lies", [.. Head("POST", "/v1/jobs", $"Content-Type: multipart/form-data; boundary={Boundary}\r\nContent-Length: {length}\r\n{more}"), .. body]);
    }

    private HostileRequest DeepJson()
    {
        int depth = _random.Next(50, 20_000);
        string json = Pick(
        [
            new string('[', depth), "{\"textureSize\":" + new string('[', depth), string.Concat(Enumerable.Repeat("{\"a\":", depth)),
            new string('[', depth) + new string(']', depth),
        ]);
        return new("deep JSON", Post(Part("options", null, Encoding.ASCII.GetBytes(json)), Part("images", "ramp.jpg", Pictures[0])));
    }

    private HostileRequest HugeOptions()
    {
        int length = _random.Next(60_000, 900_000);
        string json = Pick(["{\"layout\":\"" + new string('x', length) + "\"}", new string(' ', length) + "{}", "{\"textureSize\":1" + new string('0', length) + "}"]);
        return new("huge options", Post(Part("options", null, Encoding.ASCII.GetBytes(json)), Part("images", "ramp.jpg", Pictures[0])));
    }

    private HostileRequest OddOptions()
    {
        byte[] noise = new byte[_random.Next(200)];
        _random.NextBytes(noise);
        byte[] json = Pick(
        [
            noise, "null"u8.ToArray(), "{\"textureSize\":1e400}"u8.ToArray(), "{\"textureSize\":-512}"u8.ToArray(), "{\"textureSize\":4294967808}"u8.ToArray(),
            "{\"layout\":\"\\ud800\"}"u8.ToArray(), "{\"layout\":\"../../../etc/passwd\"}"u8.ToArray(), "{\"topologyFile\":\"/etc/passwd\"}"u8.ToArray(),
            "{\"style\":\"photo:1e39\"}"u8.ToArray(), "{\"style\":\"photo:-1\"}"u8.ToArray(), "{\"style\":\"photo:NaN,render:0\"}"u8.ToArray(),
            "{\"style\":\",,,:::\"}"u8.ToArray(), "{\"topology\":null}"u8.ToArray(), "{\"skipBadViews\":1}"u8.ToArray(), "\u00EF\u00BB\u00BF{}"u8.ToArray(), "{}{}"u8.ToArray(),
        ]);
        return new("odd options", Post(Part("options", null, json), Part("images", "ramp.jpg", Pictures[0])));
    }

    private HostileRequest BadName()
    {
        string name = Pick(
        [
            "../../../../etc/passwd", "..\\..\\windows\\system32\\config", "/dev/zero", "con", "a\0b.jpg", "a\tb.jpg", new string('x', 10_000), new string('.', 255), "",
            " ", "%2e%2e%2fx", "a\"; name=\"options", "ünï\u202Egpj.exe", "-rf", "$(reboot).jpg", "'; DROP TABLE jobs; --", "{0}{1}{Id}", "<script>alert(1)</script>",
        ]);
        string header = _random.Next(3) == 0 ? $"filename*=UTF-8''{Uri.EscapeDataString(name)}%zz" : $"filename=\"{name}\"";
        return new("bad name", Post(RawPart($"Content-Disposition: form-data; name=\"images\"; {header}", Pictures[0])));
    }

    private HostileRequest BadToken()
    {
        string authorization = Pick(
        [
            "", "Authorization: \r\n", "Authorization: Bearer\r\n", $"Authorization: Bearer {token[1..]}\r\n", $"Authorization: Bearer {token}x\r\n",
            $"Authorization: Basic {token}\r\n", $"Authorization: Bearer {new string('a', 20_000)}\r\n", $"Authorization: Bearer {token}\r\nAuthorization: Bearer {token}\r\n",
            "Authorization: Bearer \u00FF\u00FE\r\n",
        ]);
        string path = Pick(["/v1/jobs", "/v1/model", "/openapi/v1.json", "/v1/jobs/x/files/../../../../server.json", "/v1/jobs/0/events"]);
        return new("bad token", Latin($"GET {path} HTTP/1.1\r\nHost: {server.Authority}\r\n{authorization}Connection: close\r\n\r\n"));
    }

    private HostileRequest ForeignSite()
    {
        string host = Pick(["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "[::ffff:7f00:1]", "0x7f.1", "2130706433", "", "127.0.0.1:99999", "a b", "127.0.0.1@evil.example"]);
        string head = _random.Next(2) == 0
            ? $"Host: {host}\r\n"
            : $"Host: {server.Authority}\r\nOrigin: {Pick(["http://evil.example", "null", "https://" + server.Authority, "http://127.0.0.1:1", "file://"])}\r\n";
        string method = Pick(["GET", "POST", "OPTIONS", "DELETE"]);
        return new("foreign site", Latin($"{method} /v1/jobs HTTP/1.1\r\n{head}Authorization: Bearer {token}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
    }

    private HostileRequest BrokenMultipart()
    {
        byte[] whole = Body(Part("images", "ramp.jpg", Pictures[0]), Part("options", null, "{}"u8.ToArray()));
        byte[] body = Pick(
        [
            whole[.._random.Next(whole.Length)], [], "--"u8.ToArray(), [.. whole[..20], 0, 0, 0, .. whole[20..]],
            Body([.. Enumerable.Repeat(Part("images", "one.jpg", [1]), 100)]), Body([.. Enumerable.Repeat(Part("options", null, "{}"u8.ToArray()), 5)]),
            Body(RawPart(string.Concat(Enumerable.Repeat("X-Header: value\r\n", 500)) + "X: y", [])), Body(RawPart("Content-Disposition: form-data; name=\"images\"", [])),
            Body(RawPart("Content-Disposition: " + new string('a', 50_000), [])), Body(Part("passwords", "x", [1, 2, 3])), Body(RawPart(":::", [1])),
            Latin($"--{Boundary}\n\n--{Boundary}--\n"), Body(Part("images", "nested.jpg", whole)),
        ]);
        string boundary = Pick([Boundary, Boundary, Boundary, "", "\"\"", new string('b', 5000), "\"a", "\u00E9"]);
        return new("broken multipart", [.. Head("POST", "/v1/jobs", $"Content-Type: multipart/form-data; boundary={boundary}\r\nContent-Length: {body.Length}\r\n"), .. body]);
    }

    private HostileRequest BadPath()
    {
        string path = Pick(
        [
            "/v1/jobs/..%2f..%2fserver.json", "/v1/jobs/%00/files/x", "/v1/jobs/x/files/../../../server.json", "//v1//jobs", "/v1/jobs/" + new string('a', 7000), "/" + new string('/', 5000),
            "/v1/layouts/..%2f..%2fmodel.json", "/v1/layouts/%ff%fe", "/%", "/%zz", "*", "http://evil.example/v1/jobs", "/v1/jobs?" + new string('q', 7000), "/openapi/..%2fserver.json",
            "/openapi/v2.json", "/v1/jobs/x/events", "/V1/JOBS/%E0%80%80", "/v1/jobs/{id}/files/{**name}",
        ]);
        string method = Pick(["GET", "GET", "DELETE", "HEAD", "PUT", "PATCH", "TRACE", "CONNECT", "OPTIONS", "PROPFIND", "get", new string('M', 100)]);
        return new("bad path", Head(method, path, "Content-Length: 0\r\n"));
    }

    private HostileRequest BadHead()
    {
        string head = Pick(
        [
            "GET / HTTP/9.9\r\n\r\n", "GET /health HTTP/1.1\r\n\r\n", "GET /health\r\n", "GET  /health  HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            $"GET /health HTTP/1.1\r\nHost: {server.Authority}\r\n" + string.Concat(Enumerable.Range(0, 500).Select(i => $"X-{i}: y\r\n")) + "\r\n",
            $"GET /health HTTP/1.1\r\nHost: {server.Authority}\r\nX: {new string('y', 200_000)}\r\n\r\n", $"GET /health HTTP/1.1\r\nHost: {server.Authority}\r\nHost: evil.example\r\n\r\n",
            $"GET /health HTTP/1.1\r\nHost: {server.Authority}\r\n folded: header\r\n\r\n", $"GET /health HTTP/1.1\r\nHost : {server.Authority}\r\n\r\n",
            $"GET /health HTTP/1.1\r\nHost: {server.Authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", $"GET /health HTTP/1.0\r\n\r\n",
            $"POST /v1/jobs HTTP/1.1\r\nHost: {server.Authority}\r\nAuthorization: Bearer {token}\r\nContent-Type: {new string('/', 1000)}\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
            $"POST /v1/jobs HTTP/1.1\r\nHost: {server.Authority}\r\nAuthorization: Bearer {token}\r\nContent-Type: multipart/form-data; boundary={Boundary}\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n0\r\n\r\n",
        ]);
        return new("bad head", Latin(head));
    }

    private HostileRequest Noise()
    {
        byte[] noise = new byte[_random.Next(1, 5000)];
        _random.NextBytes(noise);
        // A client of TLS, for one, sends such a thing to the wrong port.
        return new("noise", _random.Next(2) == 0 ? noise : [0x16, 0x03, 0x01, .. noise]);
    }

    private HostileRequest SlowBody()
    {
        byte[] whole = Post(Part("images", "ramp.jpg", Pictures[0]));
        return new("slow body", whole, TimeSpan.FromMilliseconds(_random.Next(100, 400)));
    }

    private byte[] Post(params IEnumerable<byte[]> parts)
    {
        byte[] body = Body(parts);
        return [.. Head("POST", "/v1/jobs", $"Content-Type: multipart/form-data; boundary={Boundary}\r\nContent-Length: {body.Length}\r\n"), .. body];
    }

    private byte[] Head(string method, string path, string headers) =>
        Latin($"{method} {path} HTTP/1.1\r\nHost: {server.Authority}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n{headers}\r\n");

    private static byte[] Body(params IEnumerable<byte[]> parts) =>
        [.. parts.SelectMany(part => (byte[])[.. Latin($"--{Boundary}\r\n"), .. part, .. "\r\n"u8]), .. Latin($"--{Boundary}--\r\n")];

    private static byte[] Part(string field, string? file, byte[] content) =>
        RawPart($"Content-Disposition: form-data; name=\"{field}\"" + (file is null ? "" : $"; filename=\"{file}\""), content);

    private static byte[] RawPart(string headers, byte[] content) => [.. Latin(headers + "\r\n\r\n"), .. content];

    private static byte[] Latin(string text) => Encoding.Latin1.GetBytes(text);

    private T Pick<T>(T[] choices) => choices[_random.Next(choices.Length)];

    /// <summary>A colour ramp in each format that is read; small, and without a face, so that a whole one costs little either.</summary>
    private static byte[][] MakePictures()
    {
        using var ramp = Image.NewFromBuffer(TestPhotos.NoFace);
        return
        [
            TestPhotos.NoFace, ramp.PngsaveBuffer(), ramp.WebpsaveBuffer(), ramp.TiffsaveBuffer(), ramp.TiffsaveBuffer(compression: Enums.ForeignTiffCompression.Deflate, tile: true),
            ramp.JpegsaveBuffer(interlace: true), ramp.PngsaveBuffer(interlace: true), ramp.WebpsaveBuffer(lossless: true), ramp.Cast(Enums.BandFormat.Ushort).PngsaveBuffer(bitdepth: 16),
        ];
    }
}
