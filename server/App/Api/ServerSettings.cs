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

/// <summary>What a request may ask for at most. Past a limit the answer is 413 or 429 and names it.</summary>
internal sealed record ServerLimits
{
    public int Views { get; init; } = FacePipeline.MaxViews;

    /// <summary>Bytes of one photo.</summary>
    public long FileBytes { get; init; } = PhotoDecoder.MaxBytes;

    /// <summary>Bytes of a whole request.</summary>
    public long BodyBytes { get; init; } = 1L << 30;

    /// <summary>Bytes of the options part.</summary>
    public int OptionsBytes { get; init; } = 64 << 10;

    /// <summary>Jobs that may wait for the worker.</summary>
    public int QueuedJobs { get; init; } = 16;
}
