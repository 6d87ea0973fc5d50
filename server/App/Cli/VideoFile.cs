using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using System.Threading.Channels;
using MeshFromFaces.Core;
using MeshFromFaces.Core.Imaging;

namespace MeshFromFaces.Server.Cli;

/// <summary>The frames of a video file as ffmpeg decodes them, one at a time; a program of its own, which must be on the PATH.</summary>
internal sealed partial class VideoFile : IDisposable
{
    private const string Program = "ffmpeg";

    private readonly string _name;
    private readonly Process _process;
    private readonly Channel<double> _times = Channel.CreateUnbounded<double>();
    private readonly Task _listening;
    private volatile string _lastWords = "";

    /// <exception cref="CommandException">There is no ffmpeg.</exception>
    public VideoFile(string path)
    {
        _name = Path.GetFileName(path);
        // Every decoded frame comes out once: renumbered to a steady rate, ffmpeg has none to repeat or to drop; their own
        // times are told on standard error by showinfo. A video may be a list of addresses; those are not gone to.
        string[] arguments =
        [
            "-nostdin", "-hide_banner", "-nostats", "-protocol_whitelist", "file,pipe", "-i", "file:" + Path.GetFullPath(path),
            "-map", "0:v:0", "-vf", "showinfo,setpts=N/25/TB", "-r", "25", "-pix_fmt", "rgb24", "-c:v", "ppm", "-f", "image2pipe", "pipe:1",
        ];
        try
        {
            _process = Process.Start(new ProcessStartInfo(Program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        }
        catch (Win32Exception)
        {
            throw new CommandException(ExitCode.Failed,
                $"'{_name}' needs the program {Program}, which reads the frames of videos, and there is none on the PATH. Install it, or name a folder of frames.");
        }
        _listening = Task.Run(ListenAsync);
    }

    /// <summary>Seconds, as the file's header says; 0 until ffmpeg has read it, and where it does not say.</summary>
    public double Duration { get; private set; }

    /// <summary>To be gone through once.</summary>
    /// <exception cref="InputException">ffmpeg cannot read the file, or only this far.</exception>
    public IEnumerable<Frame> Frames()
    {
        using var stream = new BufferedStream(_process.StandardOutput.BaseStream, 1 << 16);
        double? start = null;
        int number = 0;
        for (; ReadFrame(stream, number + 1) is { } photo; number++)
        {
            // Its line is written before the frame is.
            double time = _times.Reader.ReadAsync().AsTask().GetAwaiter().GetResult();
            yield return new Frame(number + 1, time - (start ??= time), photo.Name, () => photo);
        }
        _listening.GetAwaiter().GetResult();
        _process.WaitForExit();
        if (_process.ExitCode != 0)
        {
            throw new InputException($"'{_name}' cannot be read {(number == 0 ? "as a video" : $"beyond frame {number}")} ({Program}: {_lastWords.TrimEnd('.')}). Name a whole video file, or a folder of pictures.");
        }
        if (number == 0)
        {
            throw new InputException($"'{_name}' has no frame. Name a video file, or a folder of pictures.");
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }
        _process.Dispose();
    }

    /// <summary>One PPM picture: P6, width, height and 255, each ended by white space, then the pixels.</summary>
    private Photo? ReadFrame(Stream stream, int number)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"{_name} frame {number}");
        if (Token(stream) is not "P6")
        {
            return null;
        }
        int width = int.Parse(Token(stream), CultureInfo.InvariantCulture), height = int.Parse(Token(stream), CultureInfo.InvariantCulture);
        Token(stream);
        PhotoDecoder.RequireSize(_name, width, height, PhotoLimits.Standard);
        var pixels = new byte[width * height * 3];
        return stream.ReadAtLeast(pixels, pixels.Length, throwOnEndOfStream: false) == pixels.Length ? new Photo(name, width, height, pixels) : null;
    }

    private static string Token(Stream stream)
    {
        var token = new StringBuilder();
        for (int next; (next = stream.ReadByte()) > ' ';)
        {
            token.Append((char)next);
        }
        return token.ToString();
    }

    private async Task ListenAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            if (FrameTime().Match(line) is { Success: true } time)
            {
                _times.Writer.TryWrite(double.Parse(time.Groups[1].ValueSpan, CultureInfo.InvariantCulture));
            }
            else if (HeaderDuration().Match(line) is { Success: true } duration)
            {
                Duration = TimeSpan.Parse(duration.Groups[1].Value, CultureInfo.InvariantCulture).TotalSeconds;
            }
            else if (line.Length > 0)
            {
                _lastWords = line.Trim();
            }
        }
        _times.Writer.Complete();
    }

    [GeneratedRegex(@"^\[Parsed_showinfo.* pts_time:\s*(-?[0-9.]+)")]
    private static partial Regex FrameTime();

    [GeneratedRegex(@"^\s*Duration: (\d+:\d\d:\d\d\.\d+)")]
    private static partial Regex HeaderDuration();
}
