using System.Security.Cryptography;
using MeshFromFaces.Core;
using MeshFromFaces.Core.Imaging;

namespace MeshFromFaces.Server.Api;

/// <summary>All that can be set about a server.</summary>
internal sealed record ServerSettings
{
    /// <summary>On 127.0.0.1; 0 lets the system choose.</summary>
    public int Port { get; init; }

    public string DataFolder { get; init; } = DefaultDataFolder;

    /// <summary>Null takes the model that comes beside the executable.</summary>
    public string? ModelFolder { get; init; }

    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    public ServerLimits Limits { get; init; } = new();

    public RetentionSettings Retention { get; init; } = new();

    /// <summary>A new secret for each server; 64 hexadecimal digits.</summary>
    public string Token { get; init; } = RandomNumberGenerator.GetHexString(64, lowercase: true);

    /// <summary>Stop when nobody has used the server for so long; null never does.</summary>
    public TimeSpan? IdleExit { get; init; }

    /// <summary>By which <see cref="IdleExit"/> is measured.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    public static string DefaultDataFolder => Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify),
        "MeshFromFaces");
}

/// <summary>
/// What clients may ask for at most. Past a limit the answer is 413, 429 or 408, or the job's error, and names it. Each can
/// be set by a file: see <see cref="Cli.LimitsFile"/>.
/// </summary>
internal sealed record ServerLimits
{
    [Limit(1, FacePipeline.MaxViews, "photos of one capture")]
    public int Views { get; init; } = FacePipeline.MaxViews;

    [Limit(1, 2_000_000_000, "bytes of one photo")]
    public long FileBytes { get; init; } = PhotoLimits.Standard.FileBytes;

    [Limit(PhotoDecoder.MinSide * PhotoDecoder.MinSide, (long)PhotoDecoder.MaxSide * PhotoDecoder.MaxSide, "pixels of one photo")]
    public long Pixels { get; init; } = PhotoLimits.Standard.Pixels;

    [Limit(PhotoDecoder.MinSide * PhotoDecoder.MinSide, 10_000_000_000, "pixels of all photos of a capture together, of which each takes three bytes of memory")]
    public long CapturePixels { get; init; } = PhotoLimits.Standard.CapturePixels;

    [Limit(1, 1L << 40, "bytes of a whole request")]
    public long BodyBytes { get; init; } = 1L << 30;

    [Limit(2, 1 << 24, "bytes of its options")]
    public int OptionsBytes { get; init; } = 64 << 10;

    [Limit(1, 10_000, "jobs that wait for the worker")]
    public int QueuedJobs { get; init; } = 16;

    [Limit(1, 1_000, "requests that are being received at one time, each in a place of the queue")]
    public int Uploads { get; init; } = 8;

    [Limit(1, 1L << 40, "bytes of photos that the requests being received have on the disk together")]
    public long UploadBytes { get; init; } = 4L << 30;

    [Limit(1, 100_000, "connections at one time; more are closed without an answer")]
    public int Connections { get; init; } = 256;

    [Limit(2, 3600, "seconds that a client may take to send the head of a request, or may pause in its body")]
    public int PatienceSeconds { get; init; } = 15;

    [Limit(1, 1 << 30, "bytes a second that a body must come in with, and an answer be taken with, on average")]
    public int BytesPerSecond { get; init; } = 1 << 14;
}

/// <summary>How long ended jobs and their results stay. Jobs that wait or run always do.</summary>
internal sealed record RetentionSettings
{
    /// <summary>Since the job ended.</summary>
    public TimeSpan Age { get; init; } = TimeSpan.FromDays(30);

    /// <summary>Of all ended jobs' files together. The one that ended last stays even if it has more.</summary>
    public long Bytes { get; init; } = 20_000_000_000;
}

/// <summary>Of a limit: the range that makes sense, ends included, and what it counts.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class LimitAttribute(long least, long most, string meaning) : Attribute
{
    public long Least { get; } = least;

    public long Most { get; } = most;

    public string Meaning { get; } = meaning;
}
