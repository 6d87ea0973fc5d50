using System.Text.Encodings.Web;
using System.Text.Json;
using MeshFromFaces.Server.Jobs;

namespace MeshFromFaces.Server.Logs;

/// <summary>
/// The log as a file for whoever looks for a fault later: <c>server.log</c>, one JSON object a line with time (UTC), level,
/// source, event, message, its values and the exception. Once a file is full it becomes <c>server.1.log</c>, that one
/// <c>server.2.log</c> and so on; the oldest goes.
/// </summary>
internal sealed class LogFile : ILoggerProvider
{
    public const string Name = "server.log";

    private static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Lock _gate = new();
    private readonly MemoryStream _line = new();
    private readonly string _folder;
    private readonly long _bytes;
    private readonly int _files;
    private FileStream? _file;

    /// <param name="folder">Made if it is missing.</param>
    /// <param name="bytes">Of one file at most, but for its last line.</param>
    /// <param name="files">That there are at most, the one being written included.</param>
    public LogFile(string folder, long bytes = 4 << 20, int files = 5)
    {
        (_folder, _bytes, _files) = (folder, bytes, files);
        PrivateFolder.Create(folder);
    }

    public ILogger CreateLogger(string categoryName) => new Source(this, categoryName[(categoryName.LastIndexOf('.') + 1)..]);

    public void Dispose()
    {
        lock (_gate)
        {
            _file?.Dispose();
            _line.Dispose();
        }
    }

    // A log that cannot be written, on a full disk for example, is no reason to fail what it tells of.
    private void Write(Action<Utf8JsonWriter> content)
    {
        lock (_gate)
        {
            try
            {
                _line.SetLength(0);
                using (var json = new Utf8JsonWriter(_line, Json))
                {
                    content(json);
                }
                _line.WriteByte((byte)'\n');
                _file ??= Open();
                _file.Write(_line.GetBuffer(), 0, (int)_line.Length);
                _file.Flush();
                if (_file.Length >= _bytes)
                {
                    Roll();
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
            {
                _file?.Dispose();
                _file = null;
            }
        }
    }

    private FileStream Open()
    {
        // No buffer of its own: a line is on its way to the disk once it is written, whatever happens to the process next.
        var options = new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        return new FileStream(Path.Combine(_folder, Name), options);
    }

    private void Roll()
    {
        _file!.Dispose();
        _file = null;
        for (int age = _files - 1; age > 0; age--)
        {
            string younger = Numbered(age - 1);
            if (File.Exists(younger))
            {
                File.Move(younger, Numbered(age), overwrite: true);
            }
        }
    }

    private string Numbered(int age) =>
        Path.Combine(_folder, age == 0 ? Name : $"{Path.GetFileNameWithoutExtension(Name)}.{age}{Path.GetExtension(Name)}");

    private sealed class Source(LogFile file, string name) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            file.Write(json =>
            {
                json.WriteStartObject();
                json.WriteString("time", DateTime.UtcNow);
                json.WriteString("level", JsonNamingPolicy.CamelCase.ConvertName(logLevel.ToString()));
                json.WriteString("source", name);
                json.WriteString("event", eventId.Name);
                json.WriteString("message", formatter(state, exception));
                if (state is IEnumerable<KeyValuePair<string, object?>> values)
                {
                    WriteValues(json, values);
                }
                if (exception is not null)
                {
                    json.WriteString("exception", exception.ToString());
                }
                json.WriteEndObject();
            });

        private static void WriteValues(Utf8JsonWriter json, IEnumerable<KeyValuePair<string, object?>> values)
        {
            json.WriteStartObject("values");
            foreach (var (key, value) in values)
            {
                if (key != "{OriginalFormat}")
                {
                    json.WriteString(JsonNamingPolicy.CamelCase.ConvertName(key), value?.ToString());
                }
            }
            json.WriteEndObject();
        }
    }
}
